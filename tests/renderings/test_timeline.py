import json

import pytest
from makers import make_timeline

from vaer.errors import NewerFormatError, UserError
from vaer.renderings.timeline import Timeline, likeliest


def test_a_timeline_is_its_json(tmp_path):
    timeline = make_timeline()
    timeline.save(tmp_path / "deep" / "a.json")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.json"]
    assert Timeline.read(tmp_path / "deep" / "a.json") == timeline
    assert json.loads(timeline.to_json()) == timeline.content
    assert timeline.classes == ("a", "b")
    assert timeline.prediction == "a"
    assert timeline.mean["probabilities"] == pytest.approx({"a": 1.6 / 3, "b": 1.4 / 3}, abs=1e-6)


def test_a_frame_has_a_row_a_window_and_a_column_a_class():
    frame = make_timeline().to_frame()
    assert frame["prediction"].tolist() == ["a", "b", "a"]
    assert frame["a"].tolist() == [0.9, 0.2, 0.5]
    assert frame["video_b"].tolist()[:2] == [0.1, 0.8]
    assert frame["audio_a"].isna().all()
    assert frame["detected"].tolist()[:2] == [1.0, 1.0]


def test_what_nothing_was_asked_of_has_no_likeliest_class():
    assert likeliest(None) is None
    assert likeliest({"a": 0.5, "b": 0.5}) == "a"


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UserError, match=r"a.json: cannot be read as a timeline"):
        Timeline.read(tmp_path / "a.json")
    make_timeline(format=9).save(tmp_path / "new.json")
    with pytest.raises(NewerFormatError, match=r"new.json: was written by a newer vaer \(format 9; this one reads up"):
        Timeline.read(tmp_path / "new.json")
    with pytest.raises(UserError, match=r"--render 'doc' is unknown; choose from csv, "):
        make_timeline().save(tmp_path / "a.doc")

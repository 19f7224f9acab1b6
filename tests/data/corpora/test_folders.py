"""A folder for each label."""

import pytest
from makers import write_clips

from vaer.config import DataConfig
from vaer.data.corpora import folders, name_of, read_corpus
from vaer.data.protocols import read_split
from vaer.errors import UserError


def write_corpus(root):
    """Three speakers in the names of files, two labels, one of which the map renames."""
    write_clips(root, [f"{label}/S{speaker}_a.mp4" for label in ("happy", "rage") for speaker in (1, 2, 3)])
    return {"speaker_pattern": r"(S\d)_", "label_map": {"rage": "angry"}}


def write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def config_of(root, **changes):
    return DataConfig(corpus="folders", root=str(root), **changes)


def test_a_folder_is_a_label_and_a_file_a_clip(tmp_path, caplog):
    write(tmp_path, "happy/S1/b \u00e9.mp4", "happy/a.wav", "01/deep/er/c.flac", "01/notes.txt", ".git/x.wav")
    classes, items, left_out = read_corpus(config_of(tmp_path))
    assert classes == ("01", "happy")
    assert [(item.id, item.label, item.speaker) for item in items] == [
        ("01/deep/er/c", "01", ""), ("happy/a", "happy", ""), ("happy/S1/b \u00e9", "happy", "")]
    assert all(item.take == item.id and item.audio_path == item.path for item in items)
    assert items[2].path == str(tmp_path / "happy/S1/b \u00e9.mp4")
    assert left_out == {}
    assert caplog.text == ""


def test_what_is_in_no_folder_of_a_label_is_said(tmp_path, caplog):
    write(tmp_path, "happy/a.wav", "b.wav", "docs/readme.txt", "report/report.md", "manifest.csv")
    assert len(folders.scan(tmp_path, config_of(tmp_path))) == 1
    assert f"{tmp_path}: 1 media file beside the folders of the labels left out: b.wav" in caplog.text
    assert f"{tmp_path}: these folders hold no media file and are no label: docs\n" in caplog.text


def test_speakers_are_found_by_a_pattern(tmp_path):
    write(tmp_path, "happy/S1_a.wav", "sad/x/S01_b.wav", "sad/S2_c.wav")
    items = folders.scan(tmp_path, config_of(tmp_path, speaker_pattern=r"(S\d+)_"))
    assert [item.speaker for item in items] == ["S1", "S2", "S01"]
    by_folder = folders.scan(write(tmp_path / "deep", "sad/Anna/b.wav"), config_of("x", speaker_pattern="^([^/]+)/"))
    assert [item.speaker for item in by_folder] == ["Anna"]
    with pytest.raises(UserError, match=r"S01_b\.wav: --data\.speaker_pattern \(T\)_\? finds no speaker in 'x/S01_b"):
        folders.scan(write(tmp_path / "odd", "sad/x/S01_b.wav"), config_of(tmp_path, speaker_pattern="(T)_?"))


@pytest.mark.parametrize("pattern", ["S1", "(S", "(S)(1)"])
def test_a_pattern_without_one_group_is_refused(pattern):
    with pytest.raises(UserError, match=r"--data\.speaker_pattern .* is no regular expression with one group"):
        config_of("x", speaker_pattern=pattern)


def test_labels_are_renamed_or_left_out(tmp_path):
    write(tmp_path, "joy/a.wav", "no/b.wav", "01/c.wav", "1/d.wav")
    config = config_of(tmp_path, label_map={"joy": "happy", "no": None, "01": "1"}, protocol="all_train")
    classes, items, left_out = read_corpus(config)
    assert (classes, left_out) == (("1", "happy"), {"no": 1})
    assert [item.label for item in items] == ["1", "1", "happy"]
    with pytest.raises(UserError, match="the label map names sad, and the labels here are 01, 1, joy, no"):
        read_corpus(config_of(tmp_path, label_map={"sad": "x"}))


@pytest.mark.parametrize(("names", "message"), [
    ([], "there is no such folder"), (["a.wav"], "holds no folder with media files; --data.corpus folders wants"),
    (["happy/a.wav", "happy/a.mp4"], r"a\.wav: differs from .*a\.mp4 in its ending alone"),
    (["train/happy/a.wav", "Test/happy/b.wav"], r"are called like sides of a split \(Test, train\), not like labels"),
    (["label/a.wav"], "has the label 'label', which is a column of predictions.csv")])
def test_what_does_not_go_is_said(tmp_path, names, message):
    root = write(tmp_path / "corpus", *names)
    with pytest.raises(UserError, match=message):
        read_corpus(config_of(root))


def test_sides_without_speakers_come_from_a_file_alone(tmp_path):
    root = write(tmp_path / "mine", "happy/a.wav", "sad/b.wav", "happy/cc.wav", "sad/ddd.wav")
    (tmp_path / "sides.csv").write_text("id,side\nhappy/a,train\nsad/b,train\nhappy/cc,test\nsad/ddd.wav,test\n")
    split = read_split(config_of(root, protocol=str(tmp_path / "sides.csv")))[1]
    assert split.verdict == ("no take or file on two sides, but speakers are unknown, so that people may stand on both"
                             ": train speakers unknown (2 clips); validation none; test speakers unknown (2 clips)")
    with pytest.raises(UserError, match=r"speakers3 deals out speakers, and --data\.root names none; add a column"):
        read_split(config_of(root, protocol="speakers3"))


def test_a_corpus_is_called_like_its_folder():
    assert name_of("folders", "data/mine/") == "mine"


def test_a_pattern_is_for_folders():
    with pytest.raises(UserError, match=r"--data\.speaker_pattern is for --data\.corpus folders, not csv"):
        DataConfig(corpus="csv", speaker_pattern="(S)")


def test_still_images_are_clips_where_there_is_no_recording(tmp_path):
    write(tmp_path / "faces", "happy/a.png", "sad/b.JPG", "sad/c.webp", "report/sample.png", "manifest.csv")
    items = folders.scan(tmp_path / "faces", config_of(tmp_path / "faces"))
    assert [(item.id, item.label) for item in items] == [("happy/a", "happy"), ("sad/b", "sad"), ("sad/c", "sad")]
    films = write(tmp_path / "films", "happy/a.mp4", "happy/a.png", "sad/b.mp4", "covers/c.jpg")  # beside films: covers
    assert [item.id for item in folders.scan(films, config_of(films))] == ["happy/a", "sad/b"]

import pytest
from makers import make_item, tiny_config

from vaer.config import write_config
from vaer.data.dataset import EvaluationClips
from vaer.errors import UserError
from vaer.evaluation.opened import group_runs, open_clips, table_of
from vaer.evaluation.options import Options
from vaer.evaluation.predict import Predictions
from vaer.runs.folder import RunFolder


def begun(folder):
    folder.mkdir(parents=True)
    write_config(tiny_config(), folder / "config.yaml")
    return folder


def test_a_run_is_a_group_of_its_own(tmp_path):
    runs = [begun(tmp_path / name) for name in "ab"]
    assert group_runs(runs, None) == [([RunFolder(run)], None) for run in runs]


def test_runs_that_are_pooled_are_one_group(tmp_path):
    runs = [begun(tmp_path / name) for name in "ab"]
    assert group_runs(runs, tmp_path / "both") == [([RunFolder(run) for run in runs], tmp_path / "both")]


def test_a_pool_is_no_file_and_no_run(tmp_path):
    run = begun(tmp_path / "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--pool .*file: is a file; name a folder\."):
        group_runs([run], tmp_path / "file")
    with pytest.raises(UserError, match=r"--pool .*a: is the folder of a run; name another\."):
        group_runs([run], run)


def test_clips_are_made_as_they_are_asked_for():
    from accelerate import Accelerator

    class Own(EvaluationClips):
        pass

    config = tiny_config()
    clips, batches = open_clips([make_item("a.wav")], ("happy",), "told", config, Accelerator(cpu=True),
                                Options(num_workers=0), Own)
    assert type(clips) is Own
    assert (len(clips), clips.views) == (1, config.evaluate.views)
    assert iter(batches) is not None


def test_a_table_has_a_line_a_clip():
    import numpy as np

    items = [make_item(f"{name}.wav", label=label, speaker="7") for name, label in (("a", "sad"), ("b", "happy"))]
    table = table_of(items, ("happy", "sad"), Predictions(np.array([[0.25, 0.75], [0.1, 0.9]]), np.array([1, 0])), 2)
    assert table["prediction"].tolist() == ["sad", "sad"]
    assert table["label"].tolist() == ["sad", "happy"]
    assert set(table["fold"]) == {"2"}
    assert table["happy"].tolist() == [0.25, 0.1]

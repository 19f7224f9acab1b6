import pytest
from makers import make_recipe, tiny_network

from vaer.errors import UserError
from vaer.runs.folder import RunFolder
from vaer.runs.recipe import read_recipe
from vaer.training.checkpoint import Progress, load_last, newest_state, save_best, save_last


def prepared(accelerator, step):
    progress = Progress()
    progress.step = step
    accelerator.register_for_checkpointing(progress)
    accelerator.prepare(tiny_network())
    return progress


def test_the_newest_state_comes_back(accelerator, tmp_path):
    progress = prepared(accelerator, step=3)
    assert newest_state(RunFolder(tmp_path)) is None
    save_last(accelerator, RunFolder(tmp_path))
    progress.step = 7
    save_last(accelerator, RunFolder(tmp_path))
    progress.step = 9
    load_last(accelerator, newest_state(RunFolder(tmp_path)))
    assert progress.step == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last"]


def test_a_save_that_was_cut_off_loses_nothing(accelerator, tmp_path):
    progress = prepared(accelerator, step=3)
    save_last(accelerator, RunFolder(tmp_path))
    (tmp_path / "last").rename(tmp_path / "last.old")  # cut off between two renames
    (tmp_path / "last.new").mkdir()  # or while it was written
    progress.step = 9
    load_last(accelerator, newest_state(RunFolder(tmp_path)))
    assert progress.step == 3
    progress.step = 5
    save_last(accelerator, RunFolder(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last"]


def test_another_number_of_processes_is_refused(accelerator, tmp_path):
    prepared(accelerator, step=3)
    save_last(accelerator, RunFolder(tmp_path))
    (tmp_path / "last" / "random_states_1.pkl").touch()
    with pytest.raises(UserError, match="this run had 2 processes, now there are 1"):
        load_last(accelerator, newest_state(RunFolder(tmp_path)))


def test_best_is_replaced_whole(accelerator, tmp_path):
    save_best(accelerator, tiny_network(), RunFolder(tmp_path), make_recipe())
    save_best(accelerator, tiny_network(classes=4), RunFolder(tmp_path), make_recipe())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best"]
    assert RunFolder(tmp_path).best.classes == ("class0", "class1", "class2", "class3")
    assert read_recipe(RunFolder(tmp_path).best) == make_recipe()
    assert {"config.json", "model.safetensors"} <= {path.name for path in (tmp_path / "best").iterdir()}

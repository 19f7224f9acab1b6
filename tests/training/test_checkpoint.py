import pytest
from makers import contents, make_recipe, tiny_network

from vaer.errors import RunError, UserError
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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_take_no_place(accelerator, tmp_path, value):
    folder, network = RunFolder(tmp_path), tiny_network()
    prepared(accelerator, step=3)
    accelerator._models[0].load_state_dict(network.state_dict())
    save_last(accelerator, folder)
    save_best(accelerator, network, folder, make_recipe())
    before = contents(tmp_path)
    for broken in (network, accelerator._models[0]):
        next(broken.parameters()).data.view(-1)[0] = value
    with pytest.raises(RunError, match=r"weights became NaN or infinite .* and are not kept"):
        save_last(accelerator, folder)
    with pytest.raises(RunError, match=r"weights became NaN or infinite .* and are not kept"):
        save_best(accelerator, network, folder, make_recipe())
    assert contents(tmp_path) == before


def test_a_best_network_that_answered_nan_is_not_the_measure():
    progress = Progress()
    progress.load_state_dict({"epoch": 3, "best_uar": 0.333, "best_nll": float("nan"), "best_epoch": 1})
    assert (progress.epoch, progress.best_uar, progress.best_nll, progress.best_epoch) == (3, -1.0, float("inf"), 0)
    progress.load_state_dict({"best_uar": 0.5, "best_nll": 1.5, "best_epoch": 2})
    assert (progress.best_uar, progress.best_nll, progress.best_epoch) == (0.5, 1.5, 2)

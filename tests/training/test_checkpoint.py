import os
import shutil
import stat
from functools import partial
from pathlib import Path

import pytest
from makers import contents, make_recipe, tiny_network
from safetensors import SafetensorError

from vaer.errors import RunError, UserError
from vaer.runs.folder import RunFolder
from vaer.runs.recipe import read_recipe
from vaer.training.checkpoint import Progress, load_last, newest_state, restore_best, save_best, save_last


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
    with pytest.raises(UserError, match="this run had 2 processes, now there is 1"):
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


def states(accelerator, folder):
    """The state of step 3, left beside that of step 7 as where the run ends before it is taken away."""
    progress = prepared(accelerator, step=3)
    save_last(accelerator, folder)
    shutil.copytree(folder.last, folder.path / "kept")
    progress.step = 7
    save_last(accelerator, folder)
    (folder.path / "kept").rename(folder.path / "last.old")
    return progress


@pytest.mark.parametrize("damage", ["cut", "empty", "missing", "seal", "longer"])
@pytest.mark.parametrize("name", ["model.safetensors", "custom_checkpoint_0.pkl", "random_states_0.pkl"])
def test_a_torn_newest_state_falls_back_to_the_one_before_and_says_so(accelerator, tmp_path, caplog, damage, name):
    folder = RunFolder(tmp_path)
    progress = states(accelerator, folder)
    path = folder.last / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "seal":
        (folder.last / "sizes.json").write_text('{"model.saf')
    else:
        path.write_bytes({"cut": content[:-7], "empty": b"", "longer": content + b"x"}[damage])
    found = newest_state(folder)
    assert found == tmp_path / "last.old"
    assert f"{folder.last}: was cut off or damaged; the run goes on from the state before, {found}" in caplog.text
    load_last(accelerator, found)
    assert progress.step == 3
    shutil.rmtree(found)
    with pytest.raises(UserError, match="last: was cut off or damaged, and no state before it is there; copy the run"):
        newest_state(folder)


def test_a_whole_newest_state_is_taken_although_the_one_before_is_there(accelerator, tmp_path, caplog):
    progress = states(accelerator, RunFolder(tmp_path))
    (tmp_path / "last.old" / "model.safetensors").unlink()  # cut off while it was deleted
    load_last(accelerator, newest_state(RunFolder(tmp_path)))
    assert progress.step == 7
    assert not caplog.text


def test_a_state_without_a_seal_is_read_and_a_damaged_one_is_one_sentence(accelerator, tmp_path):
    folder = RunFolder(tmp_path)
    prepared(accelerator, step=3)
    save_last(accelerator, folder)
    (folder.last / "sizes.json").unlink()  # of an earlier version
    load_last(accelerator, newest_state(folder))
    path = folder.last / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="last: cannot be read as the state of this run"):
        load_last(accelerator, newest_state(folder))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("StorageFull, code: 28"),
                                   RuntimeError("PytorchStreamWriter failed writing file")])
@pytest.mark.parametrize("what", ["last", "best"])
def test_a_full_disk_is_one_sentence_and_what_was_saved_stays(accelerator, tmp_path, monkeypatch, error, what):
    folder = RunFolder(tmp_path)
    prepared(accelerator, step=3)
    save_last(accelerator, folder)
    save_best(accelerator, tiny_network(), folder, make_recipe())
    before = contents(tmp_path)

    def fill(self, place, **_):
        Path(place).mkdir(exist_ok=True)
        (Path(place) / "model.safetensors").write_bytes(b"part")
        raise error

    monkeypatch.setattr("accelerate.Accelerator.save_state", fill)
    monkeypatch.setattr("vaer.models.network.VAER.save_pretrained", fill)
    save = partial(save_last, accelerator, folder) if what == "last" else partial(
        save_best, accelerator, tiny_network(), folder, make_recipe())
    with pytest.raises(RunError, match=rf"{what} cannot be written \(.*\), \d+ MB are free there; what was saved"):
        save()
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_files_have_the_mode_that_the_umask_leaves(accelerator, tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        prepared(accelerator, step=3)
        save_last(accelerator, RunFolder(tmp_path))
        save_best(accelerator, tiny_network(), RunFolder(tmp_path), make_recipe())
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*/*")}
    assert {"model.safetensors", "config.json", "README.md", "sizes.json"} <= set(modes)
    assert set(modes.values()) == {mode}


def test_the_page_beside_the_weights_claims_nothing_that_did_not_happen(accelerator, tmp_path):
    save_best(accelerator, tiny_network(), RunFolder(tmp_path), make_recipe())
    text = (tmp_path / "best" / "README.md").read_text()
    assert "Classes: class0, class1, class2" in text
    assert "Branches: video and audio" in text
    assert "push" not in text.lower()
    assert "hub" not in text.lower()


def test_a_best_network_that_was_being_replaced_is_found_and_put_back(accelerator, tmp_path):
    folder = RunFolder(tmp_path)
    save_best(accelerator, tiny_network(), folder, make_recipe())
    (tmp_path / "best").rename(tmp_path / "best.old")
    assert folder.best.is_whole()  # for whoever scores it meanwhile
    restore_best(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    restore_best(folder)
    assert folder.best.is_whole()

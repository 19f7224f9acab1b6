"""`starter/make.py`: a run becomes the package data of the starter network."""


from pathlib import Path

import pytest
import torch
import yaml
from loading import load_module
from makers import make_recipe, tiny_config, tone, write_run, write_wav
from safetensors.torch import load_file, save_file

import vaer
from vaer.atomic_files import write_facts
from vaer.config import write_config
from vaer.errors import UserError
from vaer.inference.starter import PACKAGE, RUN
from vaer.runs.folder import RunFolder
from vaer.weights.contamination import contamination

ROOT = Path(__file__).parents[2]
script = load_module(ROOT / "starter/make.py")


@pytest.fixture
def run(tmp_path):
    """A run that ended, with what is not to be given away."""
    write_run(tmp_path / "mine", make_recipe(preparation={"margin": 0.25, "detector": "/home/me/detector.dat"}))
    config = tiny_config()
    write_config(config, tmp_path / "mine" / "config.yaml")
    changed = yaml.safe_load((tmp_path / "mine" / "config.yaml").read_text())
    changed["data"] |= {"root": "/home/me/data/faces", "protocol": "data/sides.csv"}
    (tmp_path / "mine" / "config.yaml").write_text(yaml.safe_dump(changed))
    write_facts(tmp_path / "mine" / "run.json", {
        "finished": True, "git_commit": "abc", "seed": 3, "machine": "secret", "command": "/home/me/train.py",
        "speakers": {"train": ["anna"]}, "classes": ["class0", "class1", "class2"]})
    (tmp_path / "mine" / "last").mkdir()
    (tmp_path / "mine" / "last" / "optimizer.bin").touch()
    return RunFolder(tmp_path / "mine")


def change(run, name, by):
    tensors = load_file(run.best.weights_path)
    tensors[name] = by(tensors[name])
    save_file(tensors, run.best.weights_path, metadata={"format": "pt"})


def test_the_copy_answers_as_the_run_does_and_names_nothing_of_the_machine(run, tmp_path, capsys):
    audio = write_wav(tmp_path / "a.wav", tone(2.0))
    script.main([str(run), "--target", str(tmp_path / "made"), "--files", str(audio)])
    made = RunFolder(tmp_path / "made")
    assert f"{made}: " in capsys.readouterr().out
    names = {str(path.relative_to(made.path)) for path in made.path.rglob("*") if path.is_file()}
    assert names == {"best/config.json", "best/model.safetensors", "config.yaml", "run.json"}
    assert not any(word in (made.path / name).read_text() for word in ("/home", "secret", "anna", str(tmp_path))
                   for name in names - {"best/model.safetensors"})
    facts = made.facts()
    assert (facts["seed"], facts["git_commit"], facts["float16"]["tolerance"]) == (3, "abc", script.TOLERANCE)
    assert facts["float16"]["bytes"] == made.best.weights_path.stat().st_size
    assert (made.settings().data.root, made.settings().data.protocol) == ("faces", "data/sides.csv")
    predictor = vaer.load(made.path, device="cpu")
    assert predictor.notes == (script.NOTICE,)
    assert script.LEARNED_FROM in contamination(str(made))
    assert predictor.trained.recipe.preparation == {"margin": 0.25, "detector": "detector.dat"}
    there, here = (load(audio).mean["probabilities"] for load in (vaer.load(run.path, device="cpu"), predictor))
    assert here == pytest.approx(there, abs=script.TOLERANCE)


def test_matrices_alone_become_float16(run):
    before = load_file(run.best.weights_path)
    after = script.as_float16(before)
    assert before.keys() == after.keys()
    assert {tensor.dtype for tensor in before.values()} == {torch.float32, torch.int64}
    for name, tensor in before.items():
        is_matrix = tensor.is_floating_point() and tensor.ndim > 1
        assert after[name].dtype == (torch.float16 if is_matrix else tensor.dtype), name
        torch.testing.assert_close(after[name].to(tensor.dtype), tensor, rtol=2 ** -11, atol=1e-7)
    assert any(name.endswith("running_var") for name in after)


def test_the_same_run_gives_the_same_bytes_and_takes_the_place_of_one_before(run, tmp_path):
    target = RunFolder(tmp_path / "made")
    script.make(run, target, [])
    first = {path.name: path.read_bytes() for path in target.path.rglob("*") if path.is_file()}
    (target.path / "left.txt").touch()
    script.make(run, target, [])
    assert {path.name: path.read_bytes() for path in target.path.rglob("*") if path.is_file()} == first


def test_a_difference_is_that_of_probabilities(run, tmp_path):
    """A bias of log 3 for one class of three that were as likely: 3/5 instead of 1/3, where nothing else speaks."""
    [silent, loud] = [write_run(tmp_path / name) for name in ("silent", "loud")]
    for folder in (silent, loud):
        for name in load_file(folder / "best" / "model.safetensors"):
            if name.startswith("fusion.") or "head" in name:
                change(RunFolder(folder), name, lambda tensor: tensor * 0)
    [bias] = [name for name, tensor in load_file(loud / "best" / "model.safetensors").items()
              if name.startswith("fusion.") and tensor.shape == (3,)]
    change(RunFolder(loud), bias, lambda tensor: tensor + torch.tensor([3.0, 1.0, 1.0]).log())
    found = list(script.differences(RunFolder(silent), RunFolder(loud), []))
    assert found == pytest.approx([3 / 5 - 1 / 3] * 3, abs=1e-6)


def test_what_is_too_large_or_not_the_same_is_not_written(run, tmp_path, monkeypatch):
    target = RunFolder(tmp_path / "made")
    monkeypatch.setattr(script, "MOST_BYTES", 1000)
    with pytest.raises(UserError, match=r"mine: its weights take \d+ bytes as float16, and at most 1000 are allowed"):
        script.make(run, target, [])
    monkeypatch.undo()
    monkeypatch.setattr(script, "differences", lambda *_: iter([0.001, 0.0051]))
    with pytest.raises(UserError, match=r"a probability differs by 0.00510 once the weights are float16"):
        script.make(run, target, [])
    monkeypatch.undo()
    matrix = next(name for name, tensor in load_file(run.best.weights_path).items() if tensor.ndim > 1)
    change(run, matrix, lambda tensor: tensor.clone().fill_(7e4))
    with pytest.raises(UserError, match=rf"{matrix}: holds weights that float16 has no number for \(65504 at most\)"):
        script.make(run, target, [])
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_run_without_an_end_or_a_network_is_a_sentence(run, tmp_path):
    write_facts(run.facts_path, {"finished": False})
    with pytest.raises(SystemExit, match=r"^make.py: .*mine: did not come to its end; go on with --train.resume true"):
        script.main([str(run)])
    with pytest.raises(SystemExit, match=r"^make.py: .*holds no trained network"):
        script.main([str(tmp_path)])


def test_it_writes_where_the_package_has_its_run():
    assert script.TARGET == ROOT / "starter" / PACKAGE / RUN

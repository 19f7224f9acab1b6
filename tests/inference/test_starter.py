"""The starter network: found where it is installed, and missed in a sentence elsewhere."""

import hashlib
from importlib.machinery import PathFinder

import pytest
import torch
from makers import tone, write_video, write_wav
from safetensors.torch import load_file
from starter_makers import NOTICE, install_starter, remove_starter

import vaer
from vaer.errors import UserError
from vaer.inference.starter import NAME, find_starter
from vaer.runs.folder import RunFolder


def test_it_answers_where_no_run_is_named(tmp_path, monkeypatch):
    run = install_starter(tmp_path, monkeypatch)
    predictor = vaer.load(device="cpu")
    assert find_starter() == run
    assert (predictor.trained.name, predictor.notes) == (NAME, (NOTICE,))
    path = write_video(tmp_path / "a.mp4", sound=tone(2.0, 48_000)[None])
    timeline, by_path = predictor(path), vaer.load(run, device="cpu")(path)
    assert timeline.mean == by_path.mean
    assert timeline.notes == [NOTICE]
    assert timeline.content["network"] == by_path.content["network"] | {"run": NAME}  # not where it is installed


def test_where_it_is_not_installed_a_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    remove_starter(monkeypatch)
    with pytest.raises(UserError, match=r"^vaer_starter: the starter network, which answers where no run is named, is "
                                        r"not installed; install it \(`pip install ./starter` in a clone of vaer, or "
                                        r"`make setup` there\), or name a run: vaer predict RUN FILE\.$"):
        vaer.load()


def test_a_folder_of_its_name_is_not_it(tmp_path, monkeypatch):
    (tmp_path / "vaer_starter").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.setattr("sys.meta_path", [PathFinder])
    with pytest.raises(UserError, match="is not installed"):
        find_starter()


def test_without_its_weights_it_is_to_be_installed_again(tmp_path, monkeypatch):
    install_starter(tmp_path, monkeypatch, whole=False)
    with pytest.raises(UserError, match=r"site/vaer_starter/run: lacks the weights of the starter network; install it "
                                        r"again \(`pip install ./starter` "):
        vaer.load()


@pytest.fixture
def real():
    """The folder of the true one; skips the test, saying so, where it is not installed."""
    try:
        return RunFolder(find_starter())
    except UserError as error:
        pytest.skip(f"the starter network is not there: {error}")


def test_the_true_one_is_small_and_says_what_it_is(real, tmp_path):
    facts, tensors = real.facts(), load_file(real.best.weights_path)
    assert real.best.weights_path.stat().st_size == facts["float16"]["bytes"] <= 10_000_000
    assert hashlib.sha256(real.best.weights_path.read_bytes()).hexdigest() == facts["float16"]["sha256"]
    assert {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point() and tensor.ndim > 1} == {
        torch.float16}
    predictor = vaer.load(device="cpu")
    assert predictor.classes == tuple(facts["classes"])
    assert predictor.notes[0].startswith("CC BY-NC-SA 4.0, no commercial use; ")
    mean = predictor(write_wav(tmp_path / "a.wav", tone(2.0))).mean["probabilities"]
    assert sum(mean.values()) == pytest.approx(1, abs=1e-5)

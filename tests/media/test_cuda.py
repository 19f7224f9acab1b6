import numpy as np
import pytest
import torch
from makers import write_video

from vaer.config import DataConfig
from vaer.errors import UserError
from vaer.media import cuda, decoders, media

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


@pytest.fixture(autouse=True)
def _asked_anew():
    questions = cuda.chosen, cuda.decord_has_cuda, decoders.chosen
    for question in questions:
        question.cache_clear()
    yield
    for question in questions:
        question.cache_clear()


@without_gpu
def test_a_missing_device_is_an_error_that_names_both_roads(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=3)
    with pytest.raises(UserError, match=r"no CUDA device.*decord from source with -DUSE_CUDA=ON.*vaer\[torchcodec\]"):
        media.read_frames(str(path), np.array([0]), 32, device="cuda")


def test_the_wheel_of_decord_has_no_cuda():
    pytest.importorskip("decord")
    if not torch.cuda.is_available():
        assert cuda.decord_has_cuda() is False


@pytest.mark.parametrize(("decoder", "reason"), [
    ("auto", "decord is missing or was built without CUDA, and torchcodec is not installed"),
    ("decord", "decord is missing or was built without CUDA"), ("torchcodec", "torchcodec is not installed"),
    ("pyav", "PyAV decodes on the processor alone")])
def test_a_gpu_without_a_reader_is_an_error_that_names_both_roads(monkeypatch, decoder, reason):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "decord_has_cuda", lambda: False)
    monkeypatch.setattr(cuda, "is_usable", lambda name: False)
    with pytest.raises(UserError, match=rf"cuda: {reason}.*; build decord.*pip install"):
        decoders.chosen(decoder, "cuda")


@pytest.mark.parametrize(("decord_has", "expected"), [(True, "decord"), (False, "torchcodec")])
def test_decord_goes_first_where_it_was_built_with_cuda(monkeypatch, decord_has, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "decord_has_cuda", lambda: decord_has)
    monkeypatch.setattr(cuda, "is_usable", lambda name: True)
    assert decoders.chosen("auto", "cuda") == expected
    assert decoders.chosen("torchcodec", "cuda") == "torchcodec"


def test_it_is_off_by_default():
    assert DataConfig().decode_device == "cpu"

import importlib.util

import numpy as np
import pytest
import torch

from vaer.config import DataConfig
from vaer.data import cuda, media
from vaer.errors import UserError

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


@pytest.fixture(autouse=True)
def _asked_anew():
    cuda.require.cache_clear()
    cuda.decord_has_cuda.cache_clear()
    yield
    cuda.require.cache_clear()
    cuda.decord_has_cuda.cache_clear()


@without_gpu
def test_a_missing_device_is_an_error_that_names_both_roads(tmp_path):
    with pytest.raises(UserError, match=r"no CUDA device.*decord from source with -DUSE_CUDA=ON.*vaer\[torchcodec\]"):
        media.read_frames("any.mp4", np.array([0]), 32, device="cuda")


def test_the_wheel_of_decord_has_no_cuda():
    pytest.importorskip("decord")
    if not torch.cuda.is_available():
        assert cuda.decord_has_cuda() is False


def test_a_gpu_without_a_reader_is_an_error_that_names_both_roads(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "decord_has_cuda", lambda: False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"torchcodec is not installed; build decord.*pip install"):
        cuda.require()


def test_it_is_off_by_default():
    assert DataConfig().decode_device == "cpu"

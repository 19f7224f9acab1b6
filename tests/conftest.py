"""What holds for every test."""

import os

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

# Tests start hundreds of commands: each would compile all of vaer anew where the shell forbids to keep the outcome.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
torch.set_num_threads(1)  # tests run side by side; threads that wait for each other's cores cost ten times the work


@pytest.fixture
def fresh_accelerator(monkeypatch):
    """What accelerate remembers between calls is forgotten before and after; it runs on the processor."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    assert PartialState._shared_state == {}


@pytest.fixture
def accelerator(fresh_accelerator):
    """An accelerator on the processor, forgotten afterwards."""
    return Accelerator()

"""What holds for every test."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

torch.set_num_threads(1)  # tests run side by side; threads that wait for each other's cores cost ten times the work


@pytest.fixture
def accelerator(monkeypatch):
    """An accelerator on the processor, forgotten afterwards."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(reset_partial_state=True)
    yield Accelerator()
    AcceleratorState._reset_state(reset_partial_state=True)

"""Signals that end a run in order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from accelerate import Accelerator

from vaer.training.readings import runs_ahead

AGREED_STEPS = 8
"""How often several GPUs ask one another whether a signal reached one of them."""


def stop_asked(accelerator: Accelerator) -> bool:
    """Whether a signal reached this process that no step has ended yet."""
    return accelerator.flag_tensor is not None and bool(accelerator.flag_tensor)


def stops(accelerator: Accelerator, step: int) -> bool:
    """Whether the run ends after this `step`: a signal may reach one process alone, and all stop at the same one.

    To ask is to read a number of the device. A process that is alone on a GPU knows by itself, several of them ask at
    every AGREED_STEPS-th step.
    """
    if runs_ahead(accelerator.device):
        alone = accelerator.num_processes == 1
        if accelerator.flag_tensor is None if alone else step % AGREED_STEPS:
            return False
    return bool(accelerator.check_trigger())


@contextmanager
def stopping_in_order(accelerator: Accelerator) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the run after the step under way; a second one ends it at once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: object) -> None:
        accelerator.set_trigger()
        signal.signal(number, before[number])

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

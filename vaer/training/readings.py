"""Numbers of the device that are looked at while it goes on."""

from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

AHEAD = 2  # steps that a GPU may be behind


def runs_ahead(device: torch.device) -> bool:
    """Whether the device works on what was asked of it while the program goes on, until a number is read."""
    return device.type == "cuda"


class Readings:
    """Tells numbers that the device computes, in their order: a processor's at once, a GPU's once it has them.

    To read a number from a GPU is to wait until all that was asked of it before is done; meanwhile nothing new is
    asked of it, and it idles. So they are copied in passing, and told at most AHEAD steps late.
    """

    def __init__(self, device: torch.device) -> None:
        self.at_once = not runs_ahead(device)
        self.under_way: deque[tuple[Tensor, Any, Callable[[list[float]], None]]] = deque()

    def add(self, numbers: Tensor, tell: Callable[[list[float]], None]) -> None:
        """Call `tell` with `numbers` (count,) as soon as that costs no wait."""
        if self.at_once:
            tell(numbers.tolist())
            return
        self.under_way.append((*copied(numbers), tell))
        while self.under_way and (len(self.under_way) > AHEAD or self.under_way[0][1].query()):
            self._tell_first()

    def finish(self) -> None:
        """Tell all that is still under way."""
        while self.under_way:
            self._tell_first()

    def _tell_first(self) -> None:
        numbers, event, tell = self.under_way.popleft()
        event.synchronize()
        tell(numbers.tolist())


def copied(numbers: Tensor) -> tuple[Tensor, Any]:
    """Where numbers of a GPU are copied to, and the event after which they are there."""
    there = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
    there.copy_(numbers, non_blocking=True)
    event = torch.cuda.Event()
    event.record()
    return there, event

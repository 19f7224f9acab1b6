"""What the host knows of a batch without asking the device."""

import torch
from torch import Tensor


def note_rows(present: Tensor, rows: Tensor) -> Tensor:
    """`present` (batch,) bool, with the numbers of its rows that are True: so the device need not be asked for them.

    They stay with this very tensor. Another one that takes its place in a batch does not have them.
    """
    present.rows = rows.to(present.device, non_blocking=True)  # type: ignore[attr-defined]
    return present


def rows_of(present: Tensor) -> Tensor:
    """(rows,): the numbers of the rows of `present` (batch,) that are True; asks the device where nobody noted them."""
    noted: Tensor | None = getattr(present, "rows", None)
    return torch.nonzero(present).squeeze(1) if noted is None else noted

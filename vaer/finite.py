"""Numbers that are none: NaN and infinities, which would be learned from, kept and scored like any others."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 3  # names in a message


def odd_tensors(tensors: "Mapping[str, Tensor]") -> list[str]:
    """Names of the tensors that hold NaN or an infinity."""
    return [name for name, tensor in tensors.items()
            if tensor.is_floating_point() and not bool(tensor.isfinite().all())]


def listed(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")

"""Which steps of a padded sequence are real, and stretches of them hidden at random in training."""

import torch
from torch import Tensor


def length_mask(lengths: Tensor, width: int) -> Tensor:
    """True at the first `lengths` (batch,) of `width` steps, `(batch, width)`."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def hide_stretches(values: Tensor, lengths: Tensor, num_masks: int, longest: float) -> Tensor:
    """`(batch, time, dim)` with `num_masks` stretches of each clip set to 0, each at most `longest` of its length.

    After SpecAugment (arXiv 1904.08779). Length and place of a stretch are drawn evenly, from torch's generator on the
    CPU: the same masks on every device.
    """
    if num_masks == 0:
        return values
    share, place = torch.rand(2, len(lengths), num_masks, 1).to(values.device)  # (batch, masks, 1) each
    span = share * longest * lengths[:, None, None]
    start = place * (lengths[:, None, None] - span)
    positions = torch.arange(values.shape[1], device=values.device)
    hidden = ((positions >= start) & (positions < start + span)).any(1)  # (batch, time)
    return values.masked_fill(hidden.unsqueeze(-1), 0)

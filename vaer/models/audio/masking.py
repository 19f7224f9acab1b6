"""Which steps of a padded sequence are real, and stretches of them hidden at random in training."""

import torch
from torch import Tensor

LONGEST_TIME_MASK = 0.2  # share of the clip's steps
WIDEST_CHANNEL_MASK = 0.1  # share of the channels of an encoder's features


def length_mask(lengths: Tensor, width: int) -> Tensor:
    """True at the first `lengths` (batch,) of `width` steps, `(batch, width)`."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def mask_spans(values: Tensor, lengths: Tensor, num_masks: int, longest: float) -> Tensor:
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


def mask_features(values: Tensor, lengths: Tensor, time_masks: int, channel_masks: int) -> Tensor:
    """`(batch, time, dim)` of an encoder's features with so many stretches of time and of channels hidden."""
    values = mask_spans(values, lengths, time_masks, LONGEST_TIME_MASK)
    channels = torch.full_like(lengths, values.shape[2])
    return mask_spans(values.mT, channels, channel_masks, WIDEST_CHANNEL_MASK).mT

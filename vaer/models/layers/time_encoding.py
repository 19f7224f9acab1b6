"""Moments in seconds as vectors, so that tokens of different rates stand on one clock."""

import math

import torch
from torch import Tensor

SHORTEST_S, LONGEST_S = 0.2, 40.0  # periods: from a syllable to four times the longest clip of the usual settings


def time_encoding(times: Tensor, dim: int) -> Tensor:
    """Sines, then cosines of times (batch, time) s: (batch, time, dim), dim even.

    The encoding of Vaswani et al. 2017 (arXiv 1706.03762, 3.5) with periods in seconds instead of places; the periods
    lie evenly on a logarithmic scale.
    """
    half = dim // 2
    assert dim == 2 * half, "a sine and a cosine for each period"
    steps = torch.linspace(0, 1, half, device=times.device)
    periods_s = SHORTEST_S * (LONGEST_S / SHORTEST_S) ** steps
    angles = 2 * math.pi * times.float().unsqueeze(2) / periods_s  # (batch, time, dim / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=2)

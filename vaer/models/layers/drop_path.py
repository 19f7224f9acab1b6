"""Stochastic depth (Huang et al. 2016, arXiv 1603.09382): in training, clips at random go without a residual."""

from torch import nn


def drop_rates(last: float, depth: int) -> list[float]:
    """The probability of each of `depth` blocks, from first to last: growing evenly to `last`."""
    return [last * number / depth for number in range(1, depth + 1)]


def dropping(residual_end: nn.Module, rate: float) -> nn.Module:
    """`residual_end`, after which each clip's residual is dropped with probability `rate`, else divided by 1 - rate.

    It has no weights, so that names stay.
    """
    if not rate:
        return residual_end
    from timm.layers import DropPath  # a second, which networks without it need not pay

    return nn.Sequential(residual_end, DropPath(rate))

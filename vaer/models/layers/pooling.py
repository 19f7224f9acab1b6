"""From a sequence of tokens to one vector a clip."""

import torch
from torch import Tensor

from vaer.records import Tokens

FLOOR = 1e-6  # keeps the gradient of the deviation finite where all tokens are equal


def masked_mean(tokens: Tokens) -> Tensor:
    """Average of each clip's real tokens, (batch, dim); zeros where there is none."""
    weight = tokens.mask.unsqueeze(2).float()  # (batch, time, 1)
    return (tokens.values.float() * weight).sum(1) / weight.sum(1).clamp(min=1)


def masked_statistics(tokens: Tokens) -> Tensor:
    """Mean and standard deviation of each clip's real tokens, (batch, 2 dim); zeros where there is none."""
    mean = masked_mean(tokens)
    square = masked_mean(tokens._replace(values=(tokens.values - mean.unsqueeze(1)) ** 2))
    present = tokens.mask.any(1, keepdim=True)
    return torch.cat([mean, (square + FLOOR).sqrt() * present], dim=1)

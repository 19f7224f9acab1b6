"""An average of a network's layers whose weights are learned."""

import torch
from torch import Tensor, nn


class LayerMix(nn.Module):
    """A learned average of equally shaped tensors, even at first."""

    def __init__(self, *, num_layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(num_layers))

    def forward(self, layers: list[Tensor]) -> Tensor:
        """The average of `num_layers` tensors, each weighed by its share of the softmax."""
        return sum(share * values for share, values in zip(self.weights.softmax(0), layers, strict=True))

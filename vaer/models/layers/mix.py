"""An average of a network's layers whose weights are learned."""

import torch
from torch import Tensor, nn

from vaer.errors import UserError

FAINT = -4.0  # 0.018 of the share of a layer that the mix starts at: small, and still learned


class LayerMix(nn.Module):
    """A learned average of equally shaped tensors; even at first, or over the layers in `start` alone but for a trace.

    Raises UserError where `start` names a layer that is not there.
    """

    def __init__(self, *, num_layers: int, start: list[int] | None = None) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(num_layers))
        if start is not None:
            if max(start) >= num_layers:
                raise UserError(f"--model.audio.mix_start {start}: the encoder has the layers 0 (the input of the "
                                f"first) to {num_layers - 1}; choose among them.")
            with torch.no_grad():
                self.weights.fill_(FAINT)[start] = 0.0

    def forward(self, layers: list[Tensor]) -> Tensor:
        """The average of `num_layers` tensors, each weighed by its share of the softmax."""
        return sum(share * values for share, values in zip(self.weights.softmax(0), layers, strict=True))


def require_layers(used: int, there: int) -> None:
    """Raise UserError where more layers are to be used than there are."""
    if used > there:
        raise UserError(f"--model.audio.layers_used {used} is more than the encoder's {there} layers; lower it.")

"""From the layers of a network to one value for every token: a learned average, or some of them side by side."""

import torch
from torch import Tensor, nn

from vaer.config import AudioConfig
from vaer.errors import UserError

FAINT = -4.0  # 0.018 of the share of a layer that the mix starts at: small, and still learned


class LayerMix(nn.Module):
    """A learned average of equally shaped tensors; even at first, or over the layers in `start` alone but for a trace.

    Raises UserError where `start` names a layer that is not there.
    """

    joined = 1
    """How many layers stand side by side in a token."""

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


class LayerJoin(nn.Module):
    """Some of a network's layers side by side, which keeps apart what an average adds up."""

    def __init__(self, *, layers: list[int]) -> None:
        super().__init__()
        self.places = layers
        """0 is the input of the first."""
        self.joined = len(layers)

    def forward(self, layers: list[Tensor]) -> Tensor:
        """(..., joined x dim) of `num_layers` tensors (..., dim)."""
        return torch.cat([layers[place] for place in self.places], dim=-1)


def reader_of(config: AudioConfig, num_layers: int) -> LayerMix | LayerJoin:
    """What reads the `num_layers` layers of a speech encoder, the input of its first among them."""
    if config.layers_joined is not None:
        return LayerJoin(layers=config.layers_joined)
    return LayerMix(num_layers=num_layers, start=config.mix_start)


def require_layers(config: AudioConfig, there: int) -> None:
    """Raise UserError where more layers are to be used than there are."""
    if config.layers_kept > there:
        last = "" if config.layers_joined is None else f"{config.layers_kept} of "
        raise UserError(f"{last}{config.layers_flag} is more than the encoder's {there} layers; lower it.")

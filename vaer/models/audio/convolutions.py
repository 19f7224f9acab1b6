"""wav2vec 2.0's strided convolutions on the waveform, such that a clip's features do not depend on its padding."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaer.models.audio.masking import length_mask
from vaer.models.layers.convolution import as_products


class ConvolutionExtractor(nn.Module):
    """Features of a waveform from a stack of torchaudio's convolution blocks, whose names it keeps in its weights."""

    def __init__(self, *, conv_layers: nn.ModuleList) -> None:
        super().__init__()
        self.conv_layers = conv_layers
        as_products(conv_layers)
        self.hop = 1
        """Samples from one token to the next."""
        self.receptive_field = 1
        """Samples that one token sees; shorter clips are padded to it."""
        for block in conv_layers:
            self.receptive_field += (block.kernel_size - 1) * self.hop
            self.hop *= block.stride

    def forward(self, waveform: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        """Features `(batch, time, dim)` of waveforms `(batch, samples)`, and how many of each are real, `(batch,)`.

        `samples` is at least the receptive field; what stands after a clip's `num_samples` reaches none of these.
        """
        values = waveform.unsqueeze(1)  # (batch, 1, samples)
        lengths = num_samples
        for block in self.conv_layers:
            lengths = ((lengths - block.kernel_size).div(block.stride, rounding_mode="floor") + 1).clamp(min=0)
            if isinstance(block.layer_norm, nn.GroupNorm):
                values = F.gelu(masked_channel_norm(block.conv(values), lengths, block.layer_norm))
            else:
                values, _ = block(values, None)  # (batch, dim, time)
        return values.transpose(1, 2), lengths


def masked_channel_norm(values: Tensor, lengths: Tensor, norm: nn.GroupNorm) -> Tensor:
    """`norm` of `(batch, channels, time)`, one group a channel, with statistics over the first `lengths` steps alone.

    Torchaudio and transformers count the padding of a batch as well; on a clip without padding all three agree.
    What stands after a clip's length is the norm's bias; a clip of length 0 is finite.
    """
    assert norm.num_groups == norm.num_channels, "statistics of each channel by itself"
    if values.device.type == "cpu" and not torch.compiler.is_compiling() and bool((lengths == values.shape[-1]).all()):
        return norm(values.float())  # elsewhere the question would stop the device, or cut a graph in two
    mask = length_mask(lengths, values.shape[-1]).float()  # (batch, time)
    with torch.autocast(values.device.type, enabled=False):
        return _Normalise.apply(values.float(), mask, norm.weight, norm.bias, norm.eps)


class _Normalise(torch.autograd.Function):
    """The norm and its gradient in half of the passes over memory, and with a third of what autograd would keep.

    These values are the largest of the network: 320 times as many steps as tokens.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        """Of values (batch, channels, time) those where `mask` (batch, time) is 1; elsewhere the bias."""
        count = mask.sum(1).clamp(min=1)[:, None, None]
        centered = (values - (values @ mask.unsqueeze(2)) / count).mul_(mask.unsqueeze(1))
        variance = torch.linalg.vector_norm(centered, dim=2, keepdim=True).square() / count
        scale = (variance + eps).rsqrt()  # (batch, channels, 1)
        ctx.save_for_backward(centered, mask, count, scale, weight)
        return torch.addcmul(bias[:, None], centered, scale * weight[:, None])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Of the values, the weight and the bias."""
        centered, mask, count, scale, weight = ctx.saved_tensors
        (gradient,) = gradients
        with torch.autocast(gradient.device.type, enabled=False):
            mean = gradient @ mask.unsqueeze(2) / count  # (batch, channels, 1)
            along = torch.linalg.vecdot(gradient, centered, dim=2).unsqueeze(2)
        share = scale * weight[:, None]
        spread = torch.addcmul(-mean * share, gradient, share)
        spread.addcmul_(centered, -share * scale.square() * along / count).mul_(mask.unsqueeze(1))
        return spread, None, (scale * along).sum((0, 2)), gradient.sum((0, 2)), None

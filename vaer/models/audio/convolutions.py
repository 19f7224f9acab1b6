"""wav2vec 2.0's strided convolutions on the waveform, such that a clip's features do not depend on its padding."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaer.models.audio.masking import length_mask


class ConvolutionExtractor(nn.Module):
    """Features of a waveform from a stack of torchaudio's convolution blocks, whose names it keeps in its weights."""

    def __init__(self, *, conv_layers: nn.ModuleList) -> None:
        super().__init__()
        self.conv_layers = conv_layers
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
    values = values.float()
    mask = length_mask(lengths, values.shape[-1]).unsqueeze(1)  # (batch, 1, time)
    count = lengths.clamp(min=1).to(values.dtype)[:, None, None]
    centered = (values - (values * mask).sum(-1, keepdim=True) / count) * mask
    deviation = (centered.square().sum(-1, keepdim=True) / count + norm.eps).rsqrt()
    return torch.addcmul(norm.bias[:, None], centered, deviation * norm.weight[:, None])

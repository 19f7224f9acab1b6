"""Waveforms as encoders want them: scaled over their true samples, never shorter than the receptive field."""

from torch import Tensor
from torch.nn import functional as F

from vaer.models.audio.masking import length_mask


def prepare_waveform(waveform: Tensor, num_samples: Tensor, *, normalize: bool, shortest: int) -> Tensor:
    """`(batch, samples)` with zeros after each row's `num_samples` (batch,), and at least `shortest` samples wide.

    `normalize` gives the true samples of a row mean 0 and variance 1.
    """
    real = length_mask(num_samples, waveform.shape[1])
    waveform = waveform.masked_fill(~real, 0)
    if normalize:
        count = num_samples.clamp(min=1).unsqueeze(1)
        waveform = (waveform - waveform.sum(1, keepdim=True) / count).masked_fill(~real, 0)
        # torchaudio's 1e-5 would leave quiet files quiet: it is the variance of a level of -50 dB.
        waveform = waveform * (waveform.square().sum(1, keepdim=True) / count + 1e-10).rsqrt()
    return F.pad(waveform, (0, max(0, shortest - waveform.shape[1])))

"""Learned band filters on the waveform, for training from scratch on small corpora."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaer.models.audio.masking import LONGEST_TIME_MASK, length_mask, mask_spans

SAMPLE_RATE = 16000  # Hz
WINDOW = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
NUM_BANDS = 64
STRIDES = (2, 2, 1)
KERNEL = 3
RESPONSE_SCALE = 1 / 128  # about the sum of a filter's window: a sine of amplitude 1 gives its band an energy near 1/4
FLOOR = 1e-6  # energies are of a clip of variance 1: -60 dB
GAIN_POINTS = 6  # of a clip, evenly over the bands
WIDEST_BAND_MASK = 10 / NUM_BANDS  # share of the bands


class FilterbankExtractor(nn.Module):
    """Features of a waveform from 64 learned pairs of filters of 25 ms every 10 ms, one token every 40 ms.

    A pair starts as a Gabor cosine and sine at a frequency of the mel scale; the sum of their squared responses is the
    band's energy. Its logarithm is normalised over the true frames of the clip, band by band, then three convolutions
    follow. Without `levels` it expects waveforms of mean 0 and variance 1, which also makes the result independent of
    the clip's gain. With them it expects waveforms as they are: how far each band is above the floor enters, too, and
    what is under the floor counts as silence.
    """

    def __init__(self, *, out_dim: int, time_masks: int, band_masks: int, levels: bool = False,
                 gains_db: float = 0.0) -> None:
        super().__init__()
        self.time_masks = time_masks
        self.band_masks = band_masks
        self.levels = levels
        self.gains_db = gains_db
        self.hop = HOP * math.prod(STRIDES)  # 640 samples = 40 ms
        self.receptive_field = WINDOW
        """Samples under the filters of a token; what the convolutions add lies evenly on both sides."""
        self.filters = nn.Parameter(gabor_filters())
        widths = (NUM_BANDS * (1 + levels), NUM_BANDS, NUM_BANDS, out_dim)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, stride=stride, padding=KERNEL // 2)
            for (before, after), stride in zip(pairwise(widths), STRIDES, strict=True))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths[1:])

    def forward(self, waveform: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        """Features `(batch, time, dim)` of waveforms `(batch, samples)`, and how many of each are real, `(batch,)`.

        `samples` is at least 400; what stands after a clip's `num_samples` reaches none of its features. In training
        stretches of time and bands are hidden, and bands louder or softer, at random.
        """
        lengths = ((num_samples - WINDOW).div(HOP, rounding_mode="floor") + 1).clamp(min=0)
        gains = draw_gains(len(waveform), self.gains_db).to(waveform) if self.training and self.gains_db else 1.0
        energies = self.log_energies(waveform, gains)  # (batch, frames, bands)
        shown = length_mask(lengths, energies.shape[1]).unsqueeze(-1).expand_as(energies)
        if self.training:
            shown = mask_spans(shown, lengths, self.time_masks, LONGEST_TIME_MASK)
            shown = mask_spans(shown.mT, torch.full_like(lengths, NUM_BANDS), self.band_masks, WIDEST_BAND_MASK).mT
        values = normalize_bands(energies, lengths) * shown
        if self.levels:
            values = torch.cat([values, (energies - math.log(FLOOR)) * shown], dim=-1)
        for convolution, norm, stride in zip(self.convolutions, self.norms, STRIDES, strict=True):
            values = convolution(values.mT).mT  # (batch, time, channels)
            lengths = (lengths + stride - 1).div(stride, rounding_mode="floor")
            values = F.gelu(norm(values)).masked_fill(~length_mask(lengths, values.shape[1]).unsqueeze(-1), 0)
        return values, lengths

    def log_energies(self, waveform: Tensor, gains: Tensor | float = 1.0) -> Tensor:
        """Logarithm of each band's energy, `(batch, frames, bands)`, of waveforms `(batch, samples)`.

        `gains` `(batch, 1, bands)` multiply the energies.
        """
        # Eight bits of a half-precision product would bury the quiet bands.
        with torch.autocast(waveform.device.type, enabled=False):
            frames = waveform.float().unfold(1, WINDOW, HOP)  # (batch, frames, 400)
            cosine, sine = (frames @ self.filters * RESPONSE_SCALE).chunk(2, dim=-1)  # (batch, frames, 64) each
            return ((cosine.square() + sine.square()) * gains + FLOOR).log()


def draw_gains(clips: int, deviation_db: float) -> Tensor:
    """Factors on the energies of each clip, `(clips, 1, bands)`: in dB, straight lines between six random points.

    A simpler form of FilterAugment (Nam et al. 2022, arXiv 2110.03282), from torch's generator on the CPU.
    """
    points_db = deviation_db * torch.randn(clips, 1, GAIN_POINTS)
    return 10 ** (F.interpolate(points_db, size=NUM_BANDS, mode="linear", align_corners=True) / 10)


def normalize_bands(values: Tensor, lengths: Tensor) -> Tensor:
    """`(batch, frames, bands)` with mean 0 and deviation 1 of each band over a clip's true frames, 0 after them."""
    mask = length_mask(lengths, values.shape[1]).unsqueeze(-1)  # (batch, frames, 1)
    count = lengths.clamp(min=1).to(values.dtype)[:, None, None]
    centered = (values - (values * mask).sum(1, keepdim=True) / count) * mask
    # A band that hardly moves (silence, a single frame) stays near 0 instead of turning rounding into signal.
    return centered * (centered.square().sum(1, keepdim=True) / count + 1e-2).rsqrt()


def gabor_filters() -> Tensor:
    """Cosines, then sines, under Gaussian windows, at 64 places evenly spread on the mel scale, `(400, 128)`.

    Their peak is 1: Adam's steps do not shrink with a weight, and taps as small as the response's scale would be
    overwritten in a few of them.
    """
    low, high = (2595 * math.log10(1 + frequency / 700) for frequency in (60.0, 7600.0))
    frequencies = 700 * (10 ** (torch.linspace(low, high, NUM_BANDS) / 2595) - 1)  # Hz
    spacing = torch.gradient(frequencies)[0]
    # As wide in frequency as the bands lie apart, as far as 25 ms resolve and 10 ms do not skip.
    width_s = (1 / (math.pi * spacing)).clamp(2.5e-3, 5e-3)
    time_s = ((torch.arange(WINDOW) - (WINDOW - 1) / 2) / SAMPLE_RATE).unsqueeze(1)  # (400, 1)
    window = torch.exp(-0.5 * (time_s / width_s).square())  # (400, 64)
    phase = 2 * math.pi * frequencies * time_s
    return torch.cat([window * phase.cos(), window * phase.sin()], dim=1)

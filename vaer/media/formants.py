"""Another vocal tract at the same pitch."""

import numpy as np
import torch

SIZE, HOP = 512, 128  # samples: 32 ms, and a quarter of it
ENVELOPE = 36  # samples of the cepstrum, 2.25 ms: shorter than the period of a voice up to 440 Hz
FLOOR = 1e-6  # of the largest magnitude, -120 dB
MOST = 4.0  # of the change of a logarithm: 35 dB, where silence would be lifted to a formant


def shift_formants(waveform: np.ndarray, factor: float) -> np.ndarray:
    """(samples,) float32: formants at `factor` times their frequencies; pitch, length and level stay.

    The spectral envelope of every 32 ms, which is the start of its cepstrum, is stretched along the frequencies; what
    the vocal folds give remains. NANSY changes formants to the same end (Choi et al. 2021, arXiv 2110.14513).
    """
    if not waveform.any():
        return waveform
    values, window = torch.from_numpy(waveform), torch.hann_window(SIZE)
    spectrum = torch.stft(values, SIZE, HOP, window=window, pad_mode="constant", return_complex=True)  # (bins, frames)
    magnitude = spectrum.abs()
    cepstrum = torch.fft.irfft((magnitude + FLOOR * magnitude.max()).log(), dim=0)
    cepstrum[ENVELOPE:1 - ENVELOPE] = 0
    envelope = torch.fft.rfft(cepstrum, dim=0).real
    last = len(envelope) - 1
    source = (torch.arange(last + 1) / factor).clamp(max=last)
    below = source.long().clamp(max=last - 1)
    moved = torch.lerp(envelope[below], envelope[below + 1], (source - below).unsqueeze(1))
    changed = spectrum * (moved - envelope).clamp(-MOST, MOST).exp()
    result = torch.istft(changed, SIZE, HOP, window=window, length=len(values))
    return (result * (values.square().sum() / result.square().sum().clamp(min=1e-20)).sqrt()).numpy()

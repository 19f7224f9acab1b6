import numpy as np
import pytest

from vaer.media.pitch import shift_pitch


def tones(*hertz):
    seconds = np.arange(32_000) / 16_000
    return sum(0.2 * np.sin(2 * np.pi * one * seconds) for one in hertz).astype(np.float32)


@pytest.mark.parametrize("semitones", [-12, -3, 0, 4, 12])
def test_every_tone_moves_by_the_same_ratio(semitones):
    shifted = shift_pitch(tones(300, 700), semitones)
    assert (shifted.shape, shifted.dtype) == ((32_000,), np.float32)
    spectrum = np.abs(np.fft.rfft(shifted[8_000:24_000] * np.hanning(16_000)))
    for hertz in (300, 700):
        wanted = hertz * 2 ** (semitones / 12)
        near = range(round(wanted * 0.9), round(wanted * 1.1))
        assert near[spectrum[near].argmax()] == pytest.approx(wanted, abs=1 + 0.005 * wanted)


@pytest.mark.parametrize("size", [1, 30, 700, 16_001])
@pytest.mark.parametrize("semitones", [-12, 0.3, 12])
def test_the_length_stays_however_short(size, semitones):
    shifted = shift_pitch(np.full(size, 0.1, dtype=np.float32), semitones)
    assert shifted.shape == (size,)
    assert np.isfinite(shifted).all()

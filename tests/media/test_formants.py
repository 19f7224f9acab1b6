import numpy as np
import pytest

from vaer.media.formants import shift_formants


def voice(pitch_hz, *resonances_hz):
    """One second: pulses of the vocal folds, through resonances of 200 Hz width."""
    pulses = np.zeros(16_000)
    pulses[np.arange(0, 16_000, 16_000 / pitch_hz).astype(int)] = 1
    seconds = np.arange(1_600) / 16_000
    answer = sum(np.exp(-np.pi * 200 * seconds) * np.sin(2 * np.pi * hertz * seconds) for hertz in resonances_hz)
    return (0.1 * np.convolve(pulses, answer)[:16_000]).astype(np.float32)


def power(waveform):
    """One value a Hz, up to 8 kHz."""
    return np.abs(np.fft.rfft(waveform[4_000:12_000] * np.hanning(8_000), 16_000)) ** 2


def centre(spectrum, low_hz, high_hz):
    """Where the power between two frequencies lies on average, Hz."""
    hertz = np.arange(round(low_hz), round(high_hz))
    return (hertz * spectrum[hertz]).sum() / spectrum[hertz].sum()


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_resonances_move_and_pitch_stays(factor):
    waveform = voice(100, 800, 2400)
    shifted = shift_formants(waveform, factor)
    assert (shifted.shape, shifted.dtype) == ((16_000,), np.float32)
    assert shifted.std() == pytest.approx(waveform.std(), rel=0.01)
    spectrum = power(shifted)
    for hertz in (800, 2400):
        before = centre(power(waveform), hertz - 500, hertz + 500)
        after = centre(spectrum, factor * hertz - 500, factor * hertz + 500)
        assert after / before == pytest.approx(factor, rel=0.03)
    harmonics, between = spectrum[100:3000:100], spectrum[150:3000:100]
    assert harmonics.sum() > 100 * between.sum()  # still pulses at 100 Hz
    if factor == 1.0:
        np.testing.assert_allclose(shifted, waveform, atol=1e-5)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_harmonics_of_a_high_voice_stay(factor):
    spectrum = power(shift_formants(voice(330, 900, 2500), factor))
    moved = spectrum[np.round(np.arange(1, 8, 2) * 330 * factor).astype(int)]
    assert spectrum[330:2640:330].sum() > 100 * moved.sum()


def test_an_empty_band_is_not_lifted_to_the_level_of_its_neighbour():
    """Noise below 2 kHz alone; with factor 1.25 its envelope would reach 2.5 kHz, 100 dB above what is there."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(16_000))
    spectrum[2_000:] *= 1e-5
    before = np.fft.irfft(spectrum).astype(np.float32)
    lifted_db = 10 * np.log10(power(shift_formants(before, 1.25))[2_200:2_400].sum() / power(before)[2_200:2_400].sum())
    assert 20 < lifted_db < 37


def test_the_gain_of_a_waveform_changes_nothing_else():
    waveform = voice(120, 700, 1900)
    np.testing.assert_allclose(1e-3 * shift_formants(waveform, 1.2), shift_formants(np.float32(1e-3) * waveform, 1.2),
                               atol=1e-7)


@pytest.mark.parametrize("size", [1, 30, 700])
def test_short_and_silent_waveforms_keep_their_length(size):
    shifted = shift_formants(np.full(size, 0.1, dtype=np.float32), 1.3)
    assert shifted.shape == (size,)
    assert np.isfinite(shifted).all()
    assert not shift_formants(np.zeros(size, dtype=np.float32), 1.3).any()

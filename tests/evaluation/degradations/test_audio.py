import numpy as np
import pytest
from makers import noise, tone

from vaer.evaluation.degradations import audio
from vaer.evaluation.degradations.kinds import KINDS

VOICE = noise(1.0).astype(np.float32)
OTHERS = [noise(0.3, seed=seed).astype(np.float32) for seed in range(1, 7)]


def made(kind, strength, waveform=VOICE, voices=OTHERS):
    rng = np.random.default_rng(1)
    if kind == "noise":
        return audio.add_white(waveform, strength, rng)
    return audio.opus(waveform, strength, rng) if kind == "opus" else audio.add_babble(waveform, strength, rng, voices)


@pytest.mark.parametrize("kind", ["noise", "babble", "opus"])
def test_waveforms_become_worse_step_by_step(kind):
    distances = []
    for strength in KINDS[kind].strengths:
        worse = made(kind, strength)
        assert (worse.shape, worse.dtype) == (VOICE.shape, np.float32)
        np.testing.assert_array_equal(worse, made(kind, strength))
        distances.append(np.abs(worse - VOICE).mean())
    assert distances[0] > 0
    assert distances == sorted(distances)


@pytest.mark.parametrize("kind", ["noise", "babble"])
@pytest.mark.parametrize("decibels", [30.0, 0.0, -10.0])
def test_the_ratio_of_powers_is_as_it_was_asked_for(kind, decibels):
    added = made(kind, decibels).astype(np.float64) - VOICE
    assert 10 * np.log10(np.mean(VOICE.astype(np.float64) ** 2) / np.mean(added ** 2)) == pytest.approx(decibels,
                                                                                                         abs=0.01)


def test_babble_is_four_voices_equally_loud():
    tones = [(level * tone(1.0, hertz=hertz)).astype(np.float32)
             for hertz, level in zip((300, 500, 700, 900, 1100), (1, 0.1, 0.5, 1, 0.01), strict=True)]
    added = made("babble", 0.0, voices=tones) - VOICE
    peaks = np.abs(np.fft.rfft(added))[[300, 500, 700, 900, 1100]]
    assert (peaks > 0.1 * peaks.max()).sum() == 4
    assert np.sort(peaks)[1:] == pytest.approx(peaks.max(), rel=0.01)


@pytest.mark.parametrize("kind", ["noise", "babble", "opus"])
def test_silence_and_short_clips_are_borne(kind):
    strength = KINDS[kind].strengths[-1]
    assert np.abs(made(kind, strength, np.zeros(800, np.float32))).max() < 1e-3
    assert np.isfinite(made(kind, strength, VOICE[:1])).all()


def test_voices_that_are_silent_say_nothing():
    np.testing.assert_array_equal(made("babble", 0.0, voices=[np.zeros(9, np.float32)]), VOICE)

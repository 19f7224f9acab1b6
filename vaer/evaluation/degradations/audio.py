"""Waveforms made worse: (samples,) float32 at 16 kHz in and out; what is random is the same at every strength."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from vaer.media.encode import through_opus

VOICES = 4
"""That talk at once in babble."""


def add_white(waveform: np.ndarray, decibels: float, rng: Generator) -> np.ndarray:
    """White noise, `decibels` below the clip's own power; a silent clip stays silent."""
    return _mixed(waveform, rng.standard_normal(waveform.shape, dtype=np.float32), decibels)


def add_babble(waveform: np.ndarray, decibels: float, rng: Generator, voices: Sequence[np.ndarray]) -> np.ndarray:
    """Some of `voices` at once, all equally loud, together `decibels` below the clip's own power.

    Each begins somewhere, and again when it is over. Voices that are silent say nothing.
    """
    babble = np.zeros_like(waveform)
    for place in rng.permutation(len(voices))[:VOICES]:
        voice = voices[place]
        start, level = int(rng.integers(len(voice))), np.sqrt(np.mean(voice.astype(np.float64) ** 2))
        if level:
            babble += np.resize(np.roll(voice, -start), waveform.shape) / np.float32(level)
    return _mixed(waveform, babble, decibels)


def opus(waveform: np.ndarray, kilobits: float, rng: Generator) -> np.ndarray:
    """Through Opus at `kilobits` a second and back, no later than it was."""
    return through_opus(waveform, round(kilobits * 1000))


def _mixed(waveform: np.ndarray, noise: np.ndarray, decibels: float) -> np.ndarray:
    if not waveform.any() or not noise.any():
        return waveform
    level, other = (np.sqrt(np.mean(values.astype(np.float64) ** 2)) for values in (waveform, noise))
    return waveform + noise * np.float32(level / other * 10 ** (-decibels / 20))

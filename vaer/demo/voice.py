"""A synthetic voice: when and how loudly it speaks (`Speech`), whose it is (`Throat`), how it sounds (`Manner`).

The level is set after everything else, so that loudness comes from the speech alone and never from the manner.
"""

from typing import NamedTuple

import numpy as np

SAMPLE_RATE = 16_000  # Hz
LEVEL = 0.09  # root mean square of a syllable at its loudest
ROOM = 3e-4  # and of the room's noise
CEILING_HZ = 7_400.0  # harmonics end here, under half the sample rate
VOWELS_HZ = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
"""Formants of a, e, i, o, u."""
TABLE = 2048  # points of one period of the source


class Speech(NamedTuple):
    """Syllables: (syllables,) arrays of middles and half lengths in seconds, peaks from 0 to 1 and vowels 0 to 4."""

    duration_s: float
    middles_s: np.ndarray
    halves_s: np.ndarray
    peaks: np.ndarray
    vowels: np.ndarray


class Throat(NamedTuple):
    """Whose voice it is: usual pitch, and the formants relative to those of the vowels."""

    pitch_hz: float
    formants: float


class Manner(NamedTuple):
    """How a voice sounds: pitch at start and end relative to the usual one, vibrato, slope of the spectrum, breath."""

    start: float
    end: float
    vibrato: float = 0.0
    """Largest relative change of pitch, 5.5 times a second."""
    slope: float = 1.2
    """Amplitude of harmonic k is k^-slope: small is pressed, large is soft."""
    breath: float = 0.02
    """Noise of the breath relative to the voiced sound."""


MANNERS = {"level": Manner(0.8, 0.8, slope=2.0), "rising": Manner(0.8, 1.8, slope=0.4),
           "falling": Manner(1.7, 0.8, slope=1.3, breath=2.0), "trembling": Manner(1.7, 1.7, 0.18, 0.9, 0.05)}
"""The four voices of the corpus; their pitch is relative to the speaker's own, so that they differ in any throat."""


def make_throat(speaker: int, seed: int = 0) -> Throat:
    """The voice of one speaker, always the same one; even numbers speak higher than odd ones."""
    rng = np.random.default_rng((seed, speaker, 0, 1))
    high = speaker % 2 == 0
    return Throat(rng.uniform(165, 225) if high else rng.uniform(95, 135), rng.uniform(1.06, 1.18) - 0.13 * (not high))


def make_speech(duration_s: float, rng: np.random.Generator, *, even: bool = False) -> Speech:
    """Syllables that fill a clip of `duration_s` but for a short silence at its ends; `even` makes all equally loud."""
    count = round((duration_s - 0.25) / 0.21)
    edges = np.linspace(0.12, duration_s - 0.13, count + 1)
    edges[1:-1] += rng.uniform(-0.035, 0.035, count - 1)
    halves = np.diff(edges) / 2 * rng.uniform(0.8, 0.95, count)
    peaks = np.ones(count) if even else rng.uniform(0.5, 1.0, count)
    return Speech(duration_s, (edges[1:] + edges[:-1]) / 2, halves, peaks, rng.integers(len(VOWELS_HZ), size=count))


def loudness(speech: Speech, times_s: np.ndarray) -> np.ndarray:
    """How loud the speech is at `times_s` (any,), 0 to 1: a raised cosine a syllable."""
    return _syllables(speech, times_s).max(axis=0)


def speak(speech: Speech, throat: Throat, manner: Manner, *, seed: int = 0,
          raised_s: tuple[float, float] | None = None) -> np.ndarray:
    """The audio, (samples,) float32 at `SAMPLE_RATE`; in `raised_s` it is 9 dB louder and its pitch a sixth higher.

    Two manners that speak the same speech have the same short-time level at every time.
    """
    rng = np.random.default_rng((seed, 2))
    times = np.arange(round(speech.duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    raised = np.zeros_like(times) if raised_s is None else _plateau(times, *raised_s)
    pitch_hz = throat.pitch_hz * np.exp(np.interp(times, (0, speech.duration_s), np.log((manner.start, manner.end))))
    pitch_hz *= (1 + manner.vibrato * np.sin(2 * np.pi * 5.5 * times)) * (1 + raised / 6)
    noise = rng.standard_normal(len(times))
    source = _buzz(pitch_hz, manner.slope) + manner.breath * rng.standard_normal(len(times))
    level = _syllables(speech, times).max(axis=0) * LEVEL * 10 ** (raised * 9 / 20)
    waveform = _formants(source, speech, throat, times)
    for _ in range(3):  # each round comes closer to the level wanted
        waveform *= level / (_short_level(waveform) + 1e-4)
    return (waveform + ROOM * noise).astype(np.float32)


def _syllables(speech: Speech, times_s: np.ndarray) -> np.ndarray:
    offsets = (times_s - speech.middles_s[:, None]) / speech.halves_s[:, None]
    return speech.peaks[:, None] * (0.5 + 0.5 * np.cos(np.pi * offsets.clip(-1, 1)))  # (syllables, times)


def _plateau(times_s: np.ndarray, start_s: float, end_s: float, ramp_s: float = 0.08) -> np.ndarray:
    edge = np.minimum(times_s - start_s, end_s - times_s) / ramp_s + 0.5
    edge = edge.clip(0, 1)
    return edge * edge * (3 - 2 * edge)


def _buzz(pitch_hz: np.ndarray, slope: float) -> np.ndarray:
    """A periodic source, root mean square 1, whose harmonics end below the ceiling at the highest pitch."""
    orders = np.arange(1, int(CEILING_HZ / pitch_hz.max()) + 1)
    spectrum = np.zeros(TABLE // 2 + 1, complex)
    spectrum[orders] = orders ** -slope * np.exp(1j * orders ** 2 * 0.13)  # phases that keep the peaks low
    period = np.fft.irfft(spectrum)
    phase = np.cumsum(pitch_hz) / SAMPLE_RATE
    return np.interp(phase % 1, np.arange(TABLE) / TABLE, period, period=1) / period.std()


def _formants(source: np.ndarray, speech: Speech, throat: Throat, times_s: np.ndarray) -> np.ndarray:
    """The source through the vowel of each moment; one vowel fades into the next between two syllables."""
    spectrum = np.fft.rfft(source)
    hz = np.fft.rfftfreq(len(source), 1 / SAMPLE_RATE)
    now = np.interp(times_s, speech.middles_s, np.arange(len(speech.vowels)))
    waveform = np.zeros_like(source)
    for vowel in np.unique(speech.vowels):
        peaks = [height / (1 + ((hz - middle * throat.formants) / (60 + 0.05 * middle)) ** 2)
                 for middle, height in zip(VOWELS_HZ[vowel], (1.0, 0.6, 0.3), strict=True)]
        voiced = np.fft.irfft(spectrum * (np.sqrt(sum(peaks)) + 0.02), len(source))
        weights = np.interp(now, np.arange(len(speech.vowels)), speech.vowels == vowel)
        waveform += weights * voiced
    return waveform


def _short_level(waveform: np.ndarray, window_s: float = 0.03) -> np.ndarray:
    """Root mean square around each sample, (samples,), under a triangle of twice `window_s`."""
    width = round(window_s * SAMPLE_RATE)
    power = np.pad(waveform * waveform, width)
    for _ in range(2):  # a moving mean twice is a triangle
        sums = np.cumsum(np.concatenate(([0.0], power)))
        power = (sums[width:] - sums[:-width]) / width
    start = (len(power) - len(waveform)) // 2
    return np.sqrt(np.maximum(power[start:start + len(waveform)], 0))

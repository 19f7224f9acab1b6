"""Another pitch at the same length."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
from av.filter import Graph

from vaer.config import SAMPLE_RATE


def shift_pitch(waveform: np.ndarray, semitones: float) -> np.ndarray:
    """(samples,) float32: played faster or slower, then brought back to its length by FFmpeg's `atempo` (WSOLA).

    torchaudio's phase vocoder takes seconds where this takes hundredths of one.
    """
    rate = round(SAMPLE_RATE * 2 ** (semitones / 12))
    graph = Graph()
    entry = graph.add_abuffer(format="flt", sample_rate=SAMPLE_RATE, layout="mono", time_base=Fraction(1, SAMPLE_RATE))
    filters = [entry, graph.add("asetrate", str(rate)), graph.add("aresample", str(SAMPLE_RATE)),
               graph.add("atempo", str(SAMPLE_RATE / rate)), graph.add("abuffersink")]
    for one, other in pairwise(filters):
        one.link_to(other)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="flt", layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    graph.push(frame)
    graph.push(None)
    shifted = np.concatenate([*_pulled(graph), np.zeros(len(waveform), np.float32)])  # a few samples may be missing
    return shifted[:len(waveform)]


def _pulled(graph: Graph) -> list[np.ndarray]:
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray()[0])
        except (av.error.EOFError, BlockingIOError):
            return parts

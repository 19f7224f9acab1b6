"""The audio of one window after the other of a file of any length."""

from typing import Any

import numpy as np

from vaer.config import SAMPLE_RATE
from vaer.media.media import LEVEL_FRAME
from vaer.media.probe import Probe
from vaer.media.waveforms import read_waveform

SILENCE_DB = -70.0  # dB of full scale: as preparation calls a clip silent unless it was told otherwise
BLOCK_S = 60.0
"""A longer file is read in pieces of this length: some containers are read from their start for every piece."""

MOST_LEVELS, LEVELS_AT_ONCE = 1000, 20


class WaveformReader:
    """The audio of a file; windows come in the order of their starts, more or less."""

    def __init__(self, path: str, facts: Probe, longest_s: float) -> None:
        self.path, self.duration_s, self.longest_s = path, facts.duration_s, longest_s
        self.blocks: dict[int, np.ndarray] = {}

    def read(self, start_s: float, end_s: float) -> np.ndarray | None:
        """(samples,) of a window, as evaluation reads it; None where there is none any more. Raises MediaError."""
        if self.duration_s <= 2 * BLOCK_S:
            waveform = read_waveform(self.path, start_s, end_s)
        else:
            number = int(start_s // BLOCK_S)
            first = round(number * BLOCK_S * SAMPLE_RATE)
            waveform = self._block(number)[round(start_s * SAMPLE_RATE) - first:round(end_s * SAMPLE_RATE) - first]
        return waveform if len(waveform) else None

    def _block(self, number: int) -> np.ndarray:
        if number not in self.blocks:
            self.blocks = {old: waveform for old, waveform in self.blocks.items() if old >= number - 1}
            start_s = number * BLOCK_S
            end_s = min(self.duration_s, start_s + BLOCK_S + self.longest_s)
            self.blocks[number] = read_waveform(self.path, start_s, end_s)
        return self.blocks[number]


def is_silent(waveform: np.ndarray, silence_db: float = SILENCE_DB) -> bool:
    """Whether the loudest 20 ms stay under a level, dB of full scale."""
    whole = np.pad(waveform.astype(np.float64), (0, -len(waveform) % LEVEL_FRAME)).reshape(-1, LEVEL_FRAME)
    return bool((whole ** 2).mean(axis=1).max() < 10 ** (silence_db / 10))


def levels_of(reader: WaveformReader | None, duration_s: float) -> dict[str, Any] | None:
    """The highest level of each of at most 1000 equal parts of a file, 0 to 1: its waveform as a reader sees it."""
    if reader is None:
        return None
    step_s = max(0.05, duration_s / MOST_LEVELS)
    count = max(1, int(np.ceil(duration_s / step_s - 1e-9)))
    peaks = np.zeros(count)
    for first in range(0, count, LEVELS_AT_ONCE):
        last = min(count, first + LEVELS_AT_ONCE)
        waveform = np.abs(read_waveform(reader.path, first * step_s, min(duration_s, last * step_s)))
        for number in range(first, last):
            start, end = (round((edge - first) * step_s * SAMPLE_RATE) for edge in (number, number + 1))
            peaks[number] = waveform[start:end].max(initial=0.0)
    return {"step_s": round(step_s, 6), "peaks": [round(float(min(peak, 1.0)), 3) for peak in peaks]}

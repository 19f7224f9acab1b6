"""From a file and a window to pictures and sound; the one place that opens media files.

Times come from PyAV's packets, as do the signs of a file that was cut off. Pictures come from a decoder that is given
their numbers (`decoders.py`), sound from PyAV.
"""

from functools import lru_cache

import av
import numpy as np

from vaer.data import decoders
from vaer.data.probe import opened, probe, start_of, through, version
from vaer.data.readers import Request
from vaer.errors import MediaError
from vaer.records import Clip, Item, Window

SAMPLE_RATE = 16_000
LEVEL_FRAME = SAMPLE_RATE // 50  # loudness is measured over 20 ms


def sound_span(path: str, trim_db: float) -> tuple[float, float]:
    """Start and end in seconds of what is less than `trim_db` under the loudest 20 ms of a file's sound.

    The whole duration where the sound is silent throughout. Raises MediaError.
    """
    return _sound_span(path, trim_db, *version(path))


def decode(item: Item, window: Window, *, size: int, video: bool = True, audio: bool = True,
           device: str = "cpu", decoder: str = "auto") -> Clip:
    """The pictures (nearest to `window.times`) and the sound of the same seconds; what is absent is None.

    Pictures are `size` pixels square, cut from the middle of the scaled-down picture; sound is mono at 16 kHz.
    `video` and `audio` say what is wanted, `device` (cpu or cuda) where pictures are decoded and `decoder` by what
    (auto or a name of `readers.READERS`). Raises MediaError, and UserError where that decoder cannot be had.
    """
    frames = frame_times = waveform = None
    if video and len(probe(item.path).frame_times):
        shown_s = probe(item.path).frame_times
        indices = nearest(shown_s, window.times)
        frames = read_frames(item.path, indices, size, device, decoder)
        frame_times = (shown_s[indices] - window.start_s) / window.speed
    if audio and item.sound is not None and probe(item.sound).has_sound:
        waveform = read_sound(item.sound, window.start_s, window.end_s, round(SAMPLE_RATE / window.speed))
    return Clip(frames, frame_times, waveform)


def nearest(shown_s: np.ndarray, wanted_s: np.ndarray) -> np.ndarray:
    """(wanted,) index into the ascending `shown_s` of the time nearest to each wanted one (the earlier of two)."""
    after = np.searchsorted(shown_s, wanted_s).clip(1, max(1, len(shown_s) - 1))
    if len(shown_s) == 1:
        return np.zeros(len(wanted_s), dtype=np.int64)
    return np.where(wanted_s - shown_s[after - 1] <= shown_s[after] - wanted_s, after - 1, after)


def read_frames(path: str, indices: np.ndarray, size: int, device: str = "cpu", decoder: str = "auto") -> np.ndarray:
    """(len(indices), size, size, 3) uint8: pictures number `indices` of a file in the order they are shown.

    Upright, as a player turns them: a phone films lying down and writes the turn beside the pictures.
    """
    facts = probe(path)
    scale = size / min(facts.width, facts.height)
    width, height = max(size, round(facts.width * scale)), max(size, round(facts.height * scale))
    frames = decoders.read(Request(path, indices, width, height, device), decoder)
    top, left = (height - size) // 2, (width - size) // 2
    square = frames[:, top:top + size, left:left + size]
    return np.ascontiguousarray(np.rot90(square, facts.quarter_turns, axes=(1, 2)))


def read_sound(path: str, start_s: float, end_s: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """(samples,) float32 mono sound of [start_s, end_s): silence before a late start, short after an early end."""
    start, end = round(start_s * sample_rate), round(end_s * sample_rate)
    parts, first = [], None
    with opened(path) as container:
        origin_s = start_of(container)
        stream = container.streams.audio[0]
        # A second of run-up lets codecs with memory settle. MPEG program streams are cut inside frames of sound: from
        # there the first one does not decode.
        if start_s > 1 and container.format.name != "mpeg":
            container.seek(round((start_s + origin_s - 1) / stream.time_base), stream=stream)
        # An integer format makes FFmpeg mix channels as a weighted mean; with float two equal channels gain 3 dB.
        resampler = av.AudioResampler(format="s32", layout="mono", rate=sample_rate)
        position = 0
        for frame in through(container.decode(stream), path):
            if first is None:
                first = position = round((_frame_time(frame, path) - origin_s) * sample_rate)
            if position >= end:
                break
            for piece in resampler.resample(frame):
                parts.append(piece.to_ndarray()[0])
                position += piece.samples
        parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    if not parts:
        raise MediaError(path, "its sound stream holds no sound that decodes; make the file again or leave it out")
    return _cut(np.concatenate(parts).astype(np.float32) / np.float32(2**31), first, start, end)


def _cut(sound: np.ndarray, first: int, start: int, end: int) -> np.ndarray:
    """Samples [start, end) of a sound whose first sample is number `first`."""
    lead = np.zeros(max(0, min(first, end) - start), dtype=np.float32)
    return np.concatenate([lead, sound[max(0, start - first):max(0, end - first)]])


@lru_cache(maxsize=100_000)
def _sound_span(path: str, trim_db: float, num_bytes: int, modified_ns: int) -> tuple[float, float]:
    duration_s = probe(path).duration_s
    sound = read_sound(path, 0.0, duration_s)
    whole = sound[:len(sound) // LEVEL_FRAME * LEVEL_FRAME].reshape(-1, LEVEL_FRAME)
    levels = np.sqrt((whole.astype(np.float64) ** 2).mean(axis=1))
    if not levels.any():
        return 0.0, duration_s
    loud = np.flatnonzero(levels > levels.max() * 10 ** (-trim_db / 20))
    return float(loud[0]) * LEVEL_FRAME / SAMPLE_RATE, min(duration_s, float(loud[-1] + 1) * LEVEL_FRAME / SAMPLE_RATE)


def _frame_time(frame: av.AudioFrame | av.VideoFrame, path: str) -> float:
    if frame.pts is None:
        raise MediaError(path, "its frames carry no time stamps; remux it, for example `ffmpeg -i IN -c copy OUT.mkv`")
    return float(frame.pts * frame.time_base)

"""From a file and a window to pictures and sound; the one place that opens media files.

Times come from PyAV's packets, as do the signs of a file that was cut off. Pictures come from decord where it is
installed, by index only. It can hang on a damaged file without giving the interpreter back: worker processes run it
under an alarm that ends the worker, a main process after PyAV decoded the file to its end. Where decord is absent or
counts other frames than the packets, PyAV reads the pictures.
"""

import contextlib
import importlib.util
import multiprocessing
import os
import signal
from collections.abc import Iterator
from functools import lru_cache

import av
import numpy as np

from vaer.data import cuda
from vaer.data.probe import opened, probe, start_of, streams_of, through, version
from vaer.errors import MediaError
from vaer.records import Clip, Item, Window

SAMPLE_RATE = 16_000
HAS_DECORD = importlib.util.find_spec("decord") is not None
DECORD_ALARM_S = 30.0
LEVEL_FRAME = SAMPLE_RATE // 50  # loudness is measured over 20 ms
os.environ.setdefault("DECORD_EOF_RETRY_MAX", "128")  # its 10,240 means minutes on a truncated file


def sound_span(path: str, trim_db: float) -> tuple[float, float]:
    """Start and end in seconds of what is less than `trim_db` under the loudest 20 ms of a file's sound.

    The whole duration where the sound is silent throughout. Raises MediaError.
    """
    return _sound_span(path, trim_db, *version(path))


def decode(item: Item, window: Window, *, size: int, video: bool = True, audio: bool = True,
           device: str = "cpu") -> Clip:
    """The pictures (nearest to `window.times`) and the sound of the same seconds; what is absent is None.

    Pictures are `size` pixels square, cut from the middle of the scaled-down picture; sound is mono at 16 kHz.
    `video` and `audio` say what is wanted, `device` (cpu or cuda) where pictures are decoded. Raises MediaError.
    """
    frames = frame_times = waveform = None
    if video and len(probe(item.path).frame_times):
        shown_s = probe(item.path).frame_times
        indices = nearest(shown_s, window.times)
        frames = read_frames(item.path, indices, size, device)
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


def read_frames(path: str, indices: np.ndarray, size: int, device: str = "cpu") -> np.ndarray:
    """(len(indices), size, size, 3) uint8: pictures number `indices` of a file in the order they are shown.

    Upright, as a player turns them: a phone films lying down and writes the turn beside the pictures.
    """
    if device == "cuda":
        cuda.require()
    facts = probe(path)
    scale = size / min(facts.width, facts.height)
    width, height = max(size, round(facts.width * scale)), max(size, round(facts.height * scale))
    frames = None
    quarter_turns = _quarter_turns(path, *version(path))
    if quarter_turns:
        pass  # decord 0.6 gives four channels then, or leaves the turn out
    elif device == "cuda":
        frames = cuda.read_frames(path, indices, width, height)
    elif HAS_DECORD and (multiprocessing.parent_process() is not None or _decodes_whole(path, *version(path))):
        frames = _read_with_decord(path, indices, width, height, expected=len(facts.frame_times))
    if frames is None:
        frames = _read_with_av(path, indices, width, height)
    top, left = (height - size) // 2, (width - size) // 2
    square = frames[:, top:top + size, left:left + size]
    return np.ascontiguousarray(np.rot90(square, quarter_turns, axes=(1, 2)))


def read_sound(path: str, start_s: float, end_s: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """(samples,) float32 mono sound of [start_s, end_s): silence before a late start, short after an early end."""
    start, end = round(start_s * sample_rate), round(end_s * sample_rate)
    parts, first = [], None
    with opened(path) as container:
        origin_s = start_of(container)
        stream = container.streams.audio[0]
        if start_s > 1:  # a second of run-up lets codecs with memory settle
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
def _decodes_whole(path: str, num_bytes: int, modified_ns: int) -> bool:
    """Whether PyAV gets as many pictures out of a file as its packets promise."""
    try:
        with opened(path) as container:
            frames = through(container.decode(streams_of(container)[0]), path)
            return sum(1 for _ in frames) == len(probe(path).frame_times)
    except MediaError:
        return False


@lru_cache(maxsize=100_000)
def _quarter_turns(path: str, num_bytes: int, modified_ns: int) -> int:
    """How many times a picture is turned by 90 degrees, counterclockwise, before it is shown."""
    with opened(path) as container:
        frame = next(through(container.decode(streams_of(container)[0]), path), None)
        return 0 if frame is None else round(frame.rotation / 90) % 4


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


def _read_with_decord(path: str, indices: np.ndarray, width: int, height: int, expected: int) -> np.ndarray | None:
    """The pictures as (indices, height, width, 3); None where decord counts other frames than the packets do."""
    import decord  # native threads and fork do not mix: it is loaded in the worker that uses it

    decord.logging.set_level(decord.logging.QUIET)

    in_worker = multiprocessing.parent_process() is not None
    with _alarm(DECORD_ALARM_S) if in_worker else contextlib.nullcontext():
        try:
            reader = decord.VideoReader(path, num_threads=1, width=width, height=height)
            if len(reader) != expected:
                return None
            return reader.get_batch(indices.tolist()).asnumpy()
        except (decord.DECORDError, RuntimeError):  # PyAV has the last word, and the reason
            return None


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End this process by SIGALRM if the block takes longer: native code that hangs cannot be reached from Python."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _read_with_av(path: str, indices: np.ndarray, width: int, height: int) -> np.ndarray:
    """The pictures as (indices, height, width, 3), decoded in order up to the last one wanted."""
    wanted = set(indices.tolist())
    pictures: dict[int, np.ndarray] = {}
    with opened(path) as container:
        stream = streams_of(container)[0]
        for number, frame in enumerate(through(container.decode(stream), path)):
            if number in wanted:
                pictures[number] = frame.to_ndarray(format="rgb24", width=width, height=height)
                if len(pictures) == len(wanted):
                    break
    missing = sorted(wanted - set(pictures))
    if missing:
        raise MediaError(path, f"picture {missing[0]} of {len(probe(path).frame_times)} does not decode; the file is "
                               f"damaged or cut off: make or download it again")
    return np.stack([pictures[number] for number in indices.tolist()])

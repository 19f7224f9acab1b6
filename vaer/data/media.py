"""From a file and a window to pictures and sound; the one place that opens media files.

Times come from PyAV's packets. Pictures come from decord where it is installed, by index only. It can hang on a
damaged file without giving the interpreter back: worker processes run it under an alarm that ends the worker, a main
process after PyAV decoded the file to its end. Where decord is absent or counts other frames than the packets, PyAV
reads the pictures.
"""

import contextlib
import importlib.util
import multiprocessing
import os
import signal
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import av
import numpy as np

from vaer.errors import MediaError
from vaer.records import Clip, Item, Window

SAMPLE_RATE = 16_000
HAS_DECORD = importlib.util.find_spec("decord") is not None
DECORD_ALARM_S = 30.0
LEVEL_FRAME = SAMPLE_RATE // 50  # loudness is measured over 20 ms
os.environ.setdefault("DECORD_EOF_RETRY_MAX", "128")  # its 10,240 means minutes on a truncated file
av.logging.set_level(av.logging.PANIC)  # what is wrong is said once, in the MediaError


class Probe(NamedTuple):
    """What the packets of a file say; times are seconds from the first thing the file presents."""

    duration_s: float
    frame_times: np.ndarray
    """(frames,) when each picture is shown, ascending; empty where there are no pictures."""
    width: int
    height: int
    has_sound: bool


def probe(path: str) -> Probe:
    """Duration, picture times and streams of a file, without decoding; raises MediaError."""
    return _probe(path, *_version(path))


def sound_span(path: str, trim_db: float) -> tuple[float, float]:
    """Start and end in seconds of what is less than `trim_db` under the loudest 20 ms of a file's sound.

    The whole duration where the sound is silent throughout. Raises MediaError.
    """
    return _sound_span(path, trim_db, *_version(path))


def decode(item: Item, window: Window, *, size: int, video: bool = True, audio: bool = True) -> Clip:
    """The pictures (nearest to `window.times`) and the sound of the same seconds; what is absent is None.

    Pictures are `size` pixels square, cut from the middle of the scaled-down picture; sound is mono at 16 kHz.
    `video` and `audio` say what is wanted. Raises MediaError.
    """
    frames = frame_times = waveform = None
    if video and len(probe(item.path).frame_times):
        shown_s = probe(item.path).frame_times
        indices = nearest(shown_s, window.times)
        frames = read_frames(item.path, indices, size)
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


def read_frames(path: str, indices: np.ndarray, size: int) -> np.ndarray:
    """(len(indices), size, size, 3) uint8: pictures number `indices` of a file in the order they are shown."""
    facts = probe(path)
    scale = size / min(facts.width, facts.height)
    width, height = max(size, round(facts.width * scale)), max(size, round(facts.height * scale))
    frames = None
    if HAS_DECORD and (multiprocessing.parent_process() is not None or _decodes_whole(path, *_version(path))):
        frames = _read_with_decord(path, indices, width, height, expected=len(facts.frame_times))
    if frames is None:
        frames = _read_with_av(path, indices, width, height)
    top, left = (height - size) // 2, (width - size) // 2
    return np.ascontiguousarray(frames[:, top:top + size, left:left + size])


def read_sound(path: str, start_s: float, end_s: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """(samples,) float32 mono sound of [start_s, end_s): silence before a late start, short after an early end."""
    start, end = round(start_s * sample_rate), round(end_s * sample_rate)
    parts, first = [], None
    with _opened(path) as container:
        origin_s = _origin_s(container)
        stream = container.streams.audio[0]
        if start_s > 1:  # a second of run-up lets codecs with memory settle
            container.seek(round((start_s + origin_s - 1) / stream.time_base), stream=stream)
        # An integer format makes FFmpeg mix channels as a weighted mean; with float two equal channels gain 3 dB.
        resampler = av.AudioResampler(format="s32", layout="mono", rate=sample_rate)
        position = 0
        for frame in container.decode(stream):
            if first is None:
                first = position = round((_frame_time(frame, path) - origin_s) * sample_rate)
            if position >= end:
                break
            for piece in resampler.resample(frame):
                parts.append(piece.to_ndarray()[0])
                position += piece.samples
        parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    if first is None:
        raise MediaError(path, "its sound stream holds no sound that decodes; make the file again or leave it out")
    return _cut(np.concatenate(parts).astype(np.float32) / np.float32(2**31), first, start, end)


def _cut(sound: np.ndarray, first: int, start: int, end: int) -> np.ndarray:
    """Samples [start, end) of a sound whose first sample is number `first`."""
    lead = np.zeros(max(0, min(first, end) - start), dtype=np.float32)
    return np.concatenate([lead, sound[max(0, start - first):max(0, end - first)]])


def _version(path: str) -> tuple[int, int]:
    """Size and date, under which what is known of a file is kept."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise MediaError(path, f"cannot be opened ({error.strerror}); check the path and its permissions") from error
    return status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def _opened(path: str) -> Iterator[av.container.InputContainer]:
    """The container, closed afterwards; whatever FFmpeg says on the way becomes a MediaError."""
    try:
        with av.open(path, metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        raise MediaError(path, f"cannot be decoded ({error.strerror}); make or download the file again") from error


def _origin_s(container: av.container.InputContainer) -> float:
    """The time stamp, in seconds, of the first thing the file presents."""
    starts = [float(stream.start_time * stream.time_base) for stream in _streams(container)
              if stream.start_time is not None]
    return min(starts, default=0.0)


def _streams(container: av.container.InputContainer) -> list[av.stream.Stream]:
    """The first stream of pictures and the first of sound; a cover picture is not a video."""
    videos = [stream for stream in container.streams.video
              if not stream.disposition & av.stream.Disposition.attached_pic]
    return videos[:1] + list(container.streams.audio[:1])


@lru_cache(maxsize=100_000)
def _probe(path: str, num_bytes: int, modified_ns: int) -> Probe:
    with _opened(path) as container:
        streams = _streams(container)
        if not streams:
            raise MediaError(path, "holds neither pictures nor sound; check that it is a media file")
        shown_s: list[float] = []
        end_s = 0.0
        origin_s = _origin_s(container)
        for packet in container.demux(streams):
            if packet.pts is None or packet.is_discard:
                continue
            time_s = float(packet.pts * packet.time_base) - origin_s
            end_s = max(end_s, time_s + float((packet.duration or 0) * packet.time_base))
            if packet.stream.type == "video":
                shown_s.append(time_s)
        video = next((stream for stream in streams if stream.type == "video"), None)
        frame_times = np.sort(np.asarray(shown_s))
        if len(frame_times) > 1:  # the last picture is shown as long as the others, whatever its packet says
            end_s = max(end_s, frame_times[-1] + float(np.median(np.diff(frame_times))))
        if not end_s > 0:
            raise MediaError(path, "presents nothing for any length of time; make or download the file again")
        return Probe(end_s, frame_times, video.width if video else 0, video.height if video else 0,
                     has_sound=any(stream.type == "audio" for stream in streams))


@lru_cache(maxsize=100_000)
def _decodes_whole(path: str, num_bytes: int, modified_ns: int) -> bool:
    """Whether PyAV gets as many pictures out of a file as its packets promise."""
    try:
        with _opened(path) as container:
            return sum(1 for _ in container.decode(_streams(container)[0])) == len(probe(path).frame_times)
    except MediaError:
        return False


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
    with _opened(path) as container:
        stream = _streams(container)[0]
        for number, frame in enumerate(container.decode(stream)):
            if number in wanted:
                pictures[number] = frame.to_ndarray(format="rgb24", width=width, height=height)
                if len(pictures) == len(wanted):
                    break
    missing = sorted(wanted - set(pictures))
    if missing:
        raise MediaError(path, f"picture {missing[0]} of {len(probe(path).frame_times)} does not decode; the file is "
                               f"damaged or cut off: make or download it again")
    return np.stack([pictures[number] for number in indices.tolist()])

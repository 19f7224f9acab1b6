"""What the packets of a media file say, without decoding: duration, times of pictures, and whether it is whole."""

import contextlib
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar

import av
import numpy as np

from vaer.errors import MediaError

MISSING_S = 0.5
LFS_POINTER = b"version https://git-lfs"
Flow = TypeVar("Flow")
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
    return _probe(path, *version(path))


def version(path: str) -> tuple[int, int]:
    """Size and date, under which what is known of a file is kept."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise MediaError(path, f"cannot be opened ({error.strerror}); check the path and its permissions") from error
    return status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def opened(path: str) -> Iterator[av.container.InputContainer]:
    """The container, closed afterwards; whatever FFmpeg says on the way becomes a MediaError."""
    try:
        with av.open(path, metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        raise MediaError(path, _reason(path, error)) from error


def _reason(path: str, error: av.FFmpegError) -> str:
    with open(path, "rb") as file:
        head = file.read(len(LFS_POINTER))
    if not head:
        return "is empty; make or download the file again"
    if head == LFS_POINTER:
        return "is a git-lfs pointer, not the recording; fetch it with `git lfs pull`"
    return f"cannot be decoded ({error.strerror}); make or download the file again"


def start_of(container: av.container.InputContainer) -> float:
    """The time stamp, in seconds, of the first thing the file presents."""
    starts = [float(stream.start_time * stream.time_base) for stream in streams_of(container)
              if stream.start_time is not None]
    return min(starts, default=0.0)


def streams_of(container: av.container.InputContainer) -> list[av.stream.Stream]:
    """The first stream of pictures and the first of sound; a cover picture is not a video."""
    videos = [stream for stream in container.streams.video
              if not stream.disposition & av.stream.Disposition.attached_pic]
    return videos[:1] + list(container.streams.audio[:1])


def through(flow: Iterator[Flow], path: str) -> Iterator[Flow]:
    """The packets or frames of a PyAV iterator, which fails by IndexError where a stream turns up late."""
    try:
        yield from flow
    except IndexError as error:
        raise MediaError(path, "holds a stream that its header does not name; make or download the file "
                               "again") from error


def _require_whole(path: str, container: av.container.InputContainer, video: av.VideoStream | None, num_packets: int,
                   end_s: float) -> None:
    """Raise MediaError for a file that ends before its own header says.

    mp4 counts its pictures; others name a duration, which is only held against them when half a second is missing.
    Formats without either (mpg, ogg) cannot tell.
    """
    counted = video is not None and "mp4" in container.format.name.split(",")
    if counted and num_packets < video.frames:
        raise MediaError(path, f"is cut off: its header counts {video.frames} pictures and {num_packets} are there; "
                               f"make or download it again")
    promised_s = (container.duration or 0) / av.time_base
    if promised_s - end_s > MISSING_S:
        raise MediaError(path, f"is cut off: its header promises {promised_s:.1f} s and {max(end_s, 0):.1f} s are "
                               f"there; make or download it again")


@lru_cache(maxsize=100_000)
def _probe(path: str, num_bytes: int, modified_ns: int) -> Probe:
    with opened(path) as container:
        streams = streams_of(container)
        if not streams:
            raise MediaError(path, "holds neither pictures nor sound; check that it is a media file")
        shown_s: list[float] = []
        end_s = 0.0
        origin_s = start_of(container)
        video = next((stream for stream in streams if stream.type == "video"), None)
        if any(stream.codec_context is None for stream in streams) or (video and not video.width * video.height):
            raise MediaError(path, "holds a stream that FFmpeg cannot make sense of; make or download the file again")
        num_packets = 0
        for packet in through(container.demux(streams), path):
            if packet.pts is None:
                continue
            num_packets += packet.stream.type == "video"
            if packet.is_discard:
                continue
            time_s = float(packet.pts * packet.time_base) - origin_s
            end_s = max(end_s, time_s + float((packet.duration or 0) * packet.time_base))
            if packet.stream.type == "video":
                shown_s.append(time_s)
        frame_times = np.sort(np.asarray(shown_s))
        if len(frame_times) > 1 and frame_times[0] == frame_times[-1]:
            raise MediaError(path, f"shows all of its {len(frame_times)} pictures at one time; make it again at "
                                   f"its true frame rate")
        _require_whole(path, container, video, num_packets, end_s)
        if len(frame_times) > 1:  # the last picture is shown as long as the others, whatever its packet says
            end_s = max(end_s, frame_times[-1] + float(np.median(np.diff(frame_times))))
        if not end_s > 0:
            raise MediaError(path, "presents nothing for any length of time; make or download the file again")
        return Probe(end_s, frame_times, video.width if video else 0, video.height if video else 0,
                     has_sound=any(stream.type == "audio" for stream in streams))

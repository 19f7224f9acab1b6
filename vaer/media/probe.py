"""What is known of a media file: duration, times and shapes of frames, whether it is whole and can be entered anywhere.

Packets tell it, and the first frame, which alone tells how a phone was held. Where packets and frames may differ
(`packets.py` knows), all frames are decoded once.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import NamedTuple

import av
import numpy as np

from vaer.errors import MediaError
from vaer.media import declared_duration, frames, stills, streams
from vaer.media.frames import first_shape
from vaer.media.packets import Packets, iterate
from vaer.media.shapes import UPRIGHT, Orientation, Shape
from vaer.media.streams import tick
from vaer.placeholders import describe_placeholder

MISSING_S = 0.5
# Containers whose header tells how long the file is.
NAMING_DURATION = {"aiff", "asf", "avi", "flac", "flv", "matroska", "mp4", "wav"}
_seen: ContextVar[dict[str, tuple[int, int]] | None] = ContextVar("seen", default=None)
NOTHING_SHOWN = "presents nothing for any length of time; make or download the file again"
av.logging.set_level(av.logging.PANIC)  # what is wrong is said once, in the MediaError


class Probe(NamedTuple):
    """What is known of a file; times are seconds from the first thing the file presents."""

    duration_s: float
    frame_times: np.ndarray
    """(frames,) when each frame is shown, ascending; empty where there are no frames."""
    width: int
    height: int
    has_audio: bool
    num_hidden_after: int
    """Frames behind the last one shown that an edit list hides: some decoders count them."""
    seekable: bool
    """Whether decoding may begin at every frame that is marked as a key: no frame before it is needed by one after
    it, nor shown after it; no frame is hidden before the last one shown; and the file has one video stream, whose
    packets are its frames."""
    shapes: tuple[Shape, ...] = ()
    """The shapes that its frames have, in the order in which they come up; `width` and `height` are the first one's."""
    stamps: np.ndarray | None = None
    """(frames,) the time stamps by which decoded frames are told apart; None where they are counted."""
    origin_s: float = 0.0
    """The time stamp, in seconds, of the first thing that the file presents."""
    video_index: int | None = None
    """The stream of the container that is the video; `audio_index` likewise."""
    audio_index: int | None = None
    choice: str = ""
    """Which streams are taken where the file has several of a kind."""

    @property
    def orientation(self) -> Orientation:
        """How the first frame is turned and mirrored."""
        return self.shapes[0].orientation if self.shapes else UPRIGHT


def probe(path: str) -> Probe:
    """Duration, frame times and streams of a file; raises MediaError."""
    return _probe(path, *version(path))


def version(path: str) -> tuple[int, int]:
    """Size and date, under which what is known of a file is kept."""
    seen = _seen.get()
    if seen is None:
        return _version(path)
    if path not in seen:
        seen[path] = _version(path)
    return seen[path]


@contextlib.contextmanager
def unchanging() -> Iterator[None]:
    """Inside the `with`, a file counts as it was when it was asked for first, and the disk is asked for it once."""
    if _seen.get() is not None:
        yield
        return
    before = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(before)


def _version(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise MediaError(path, f"cannot be opened ({error.strerror}); check the path and its permissions") from error
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for without an end
        raise MediaError(path, "is no file; name one, or take it out of the folder")
    return status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def opened(path: str) -> Iterator[av.container.InputContainer]:
    """The container, closed afterwards; whatever FFmpeg says on the way becomes a MediaError."""
    try:
        # From the root on: FFmpeg takes what stands before a colon (12:30.wav) for a protocol.
        with av.open(os.path.abspath(path), metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        reason = describe_placeholder(path) or f"cannot be decoded ({error.strerror}); make or download the file again"
        raise MediaError(path, reason) from error


def undecoded(path: str, number: int, num_frames: int) -> MediaError:
    """What is to be raised where frame `number`, from 0, of a file does not decode although its packet is there."""
    return MediaError(path, f"frame {number} of {num_frames} does not decode; the file is damaged or cut off: make "
                            f"or download it again")


def _require_whole(path: str, container: av.container.InputContainer, video: Packets | None,
                   last_stamp_s: float) -> None:
    """Raise MediaError for a file that ends before its own header says.

    mp4 counts its frames; others name a duration, which is only held against them when half a second is missing.
    Formats without either (mpg, ogg, aac) cannot tell.
    """
    counted = "mp4" in container.format.name.split(",")
    if video is not None and counted and video.num_packets < video.stream.frames:
        raise MediaError(path, f"is cut off: its header counts {video.stream.frames} frames and {video.num_packets} "
                               f"are there; make or download it again")
    declared_s = declared_duration.declared(container, None if video is None else video.stream)
    start_s = (container.start_time or 0) / av.time_base
    there_s = last_stamp_s - start_s
    # Some writers of Matroska and ASF count from the zero of a clock on which the file starts late: then it ends after.
    if {"matroska", "asf"} & set(container.format.name.split(",")) and declared_s > start_s > 0:
        there_s = last_stamp_s
    if declared_s - there_s > MISSING_S and _names_duration(path, container):
        raise MediaError(path, f"is cut off: its header promises {declared_s:.1f} s and {max(there_s, 0):.1f} s are "
                               f"there; make or download it again")


def _names_duration(path: str, container: av.container.InputContainer) -> bool:
    """Whether a duration stands in the file; FFmpeg guesses the others from the first bit rate, which may vary."""
    names = set(container.format.name.split(","))
    if "mp3" not in names:
        return bool(names & NAMING_DURATION)
    with open(path, "rb") as file:
        tag = file.read(10)
        if tag[:3] == b"ID3":  # its length in sevens of bits (id3.org, ID3v2.4.0, 3.1)
            file.seek(10 + sum(byte << 7 * place for place, byte in enumerate(reversed(tag[6:10]))))
        else:
            file.seek(0)
        first_frame = file.read(200)
    return any(mark in first_frame for mark in (b"Xing", b"Info", b"VBRI"))


class _Read(NamedTuple):
    """What going through all packets of a file leaves; seconds on the clock of the container."""

    videos: dict[int, Packets]
    firsts: dict[int, Shape | None]
    """By stream: the shape of its first frame, where that decodes by itself."""
    num_audio_packets: dict[int, int]
    """By stream: how many packets of audio there are."""
    audio_ends: dict[int, float]
    last_stamp_s: float
    unstamped: bool
    """Whether a packet says nothing of when it is shown or heard."""


def _read(container: av.container.InputContainer, path: str) -> _Read:
    videos = {stream.index: Packets(stream) for stream in streams.video_streams(container)}
    firsts: dict[int, Shape | None] = {}
    num_audio_packets: dict[int, int] = {}
    audio_ends: dict[int, float] = {}
    last_stamp_s, unstamped = 0.0, False
    for packet in iterate(container.demux(), path):
        index = packet.stream_index
        if not packet.size and packet.pts is None:  # what PyAV ends every stream with
            continue
        unstamped = unstamped or packet.pts is None
        end_s = None if packet.pts is None else float((packet.pts + (packet.duration or 0)) * tick(packet))
        last_stamp_s = max(last_stamp_s, end_s or 0.0)
        if index in videos:
            videos[index].add(packet)
            if packet.is_keyframe and firsts.get(index) is None and packet.stream.codec_context is not None:
                firsts[index] = first_shape(packet, videos[index].stream)
        elif packet.stream.type == "audio":
            num_audio_packets[index] = num_audio_packets.get(index, 0) + 1
            if end_s is not None and not packet.is_discard:
                audio_ends[index] = max(audio_ends.get(index, end_s), end_s)
    return _Read(videos, firsts, num_audio_packets, audio_ends, last_stamp_s, unstamped)


def _audio_end(container: av.container.InputContainer, read: _Read, audio: av.AudioStream | None) -> float | None:
    """When the audio ends, on the clock of the container; None where nothing says so."""
    if audio is None or (audio.index not in read.audio_ends and not read.unstamped):
        return None
    return declared_duration.audio_end(container, audio, read.audio_ends.get(audio.index))


def _end_of(frame_times: np.ndarray, video: Packets | None, audio_end_s: float | None, origin_s: float) -> float:
    """When the last thing ends that the file presents, seconds from the first; `video` are packets to be trusted."""
    end_s = max(0.0, (audio_end_s or origin_s) - origin_s)
    if video is not None and video.end is not None:
        end_s = max(end_s, float(video.end * tick(video.stream)) - origin_s)
    if len(frame_times) > 1:  # the last frame is shown as long as the others, whatever its packet says
        end_s = max(end_s, frame_times[-1] + float(np.median(np.diff(frame_times))))
    return float(end_s)


@lru_cache(maxsize=100_000)
def _probe(path: str, num_bytes: int, modified_ns: int) -> Probe:
    placeholder = describe_placeholder(path)
    if placeholder:  # FFmpeg opens some of them by the ending of their name
        raise MediaError(path, placeholder)
    if stills.is_still(path):
        width, height = stills.size_of(path)
        return Probe(stills.STILL_S, np.zeros(1), width, height, has_audio=False, num_hidden_after=0, seekable=False,
                     shapes=(Shape(width, height),))
    with opened(path) as container:
        read, audio_streams = _read(container, path), list(container.streams.audio)
        video_index, audio_index = streams.choose_video(read.videos), streams.choose_audio(audio_streams,
                                                                                           read.num_audio_packets)
        packets = None if video_index is None else read.videos[video_index]
        taken = [container.streams[index] for index in (video_index, audio_index) if index is not None]
        _require_sense(path, taken)
        if read.last_stamp_s or not read.unstamped:
            _require_whole(path, container, packets, read.last_stamp_s)
        first = None if video_index is None else read.firsts.get(video_index)
        found = _frames_of(path, container, packets, first)
        starts = [float(stream.start_time * tick(stream)) for stream in taken if stream.start_time is not None]
        if found.stamps is None:
            starts += found.times[:1].tolist()
        origin_s = min(starts or found.times[:1].tolist(), default=0.0)  # raw streams say nothing of a start
        frame_times = found.times - origin_s
        if len(frame_times) > 1 and frame_times[0] == frame_times[-1]:
            raise MediaError(path, f"shows all of its {len(frame_times)} frames at one time; make it again at "
                                   f"its true frame rate")
        trusted = packets if found.stamps is not None or len(frame_times) < 2 else None
        audio = None if audio_index is None else streams.audio_stream(container, audio_index)
        end_s = _end_of(frame_times, trusted, _audio_end(container, read, audio), origin_s)
        if not end_s > 0:
            raise MediaError(path, NOTHING_SHOWN)
        width, height = found.shapes[0][:2] if found.shapes else (0, 0)
        return Probe(end_s, frame_times, width, height, has_audio=audio_index is not None,
                     num_hidden_after=found.num_hidden_after,
                     seekable=found.seekable and len(container.streams.video) == 1, shapes=found.shapes,
                     stamps=found.stamps, origin_s=origin_s, video_index=video_index, audio_index=audio_index,
                     choice=streams.describe(video_index, [one.stream for one in read.videos.values()], audio_index,
                                             audio_streams))


def _require_sense(path: str, taken: list[av.stream.Stream]) -> None:
    if not taken:
        raise MediaError(path, "holds neither frames nor audio; check that it is a media file")
    if not all(map(streams.makes_sense, taken)):
        raise MediaError(path, "holds a stream that FFmpeg cannot make sense of; make or download the file again")


def _frames_of(path: str, container: av.container.InputContainer, packets: Packets | None,
               first: Shape | None) -> frames.Frames:
    """The frames of the stream of these packets, none where there is no packet; raises MediaError if none decodes."""
    if packets is None or not packets.num_packets:
        return frames.none()
    found = frames.learn(path, container, packets, first)
    if not len(found.times):
        if all(packets.hidden):  # an edit list of no length, say
            raise MediaError(path, NOTHING_SHOWN)
        raise undecoded(path, 0, packets.num_packets)
    return found

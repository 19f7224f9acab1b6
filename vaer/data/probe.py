"""What the packets of a media file say: duration, times of pictures, whether it is whole and can be entered anywhere.

Nothing is decoded but the first picture, which alone tells how a phone was held.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar

import av
import numpy as np

from vaer.data import promises
from vaer.errors import MediaError
from vaer.instead import instead_of

MISSING_S = 0.5
# Containers in which decord 0.6 and torchcodec 0.11 were seen to find the picture asked for. In MPEG program streams
# both are wrong by a group of pictures although they count right (GRID: twelve); in AVI and transport streams decord.
INDEXED = {"mp4", "matroska", "flv"}
# Containers whose header tells how long the file is.
NAMING_DURATION = {"aiff", "asf", "avi", "flac", "flv", "matroska", "mp4", "wav"}
H264_IDR = 5  # the kind of slice after which nothing refers to what came before (ITU-T H.264, Table 7-1)
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
    num_hidden_after: int
    """Pictures behind the last one shown that an edit list hides: some decoders count them."""
    seekable: bool
    """Whether decoding may begin at every picture that is marked as a key: no picture before it is needed by one after
    it, nor shown after it; and no picture is hidden before the last one shown."""
    quarter_turns: int
    """How often a picture is turned by 90 degrees, counterclockwise, before it is shown."""


def probe(path: str) -> Probe:
    """Duration, picture times and streams of a file; raises MediaError."""
    return _probe(path, *version(path))


def version(path: str) -> tuple[int, int]:
    """Size and date, under which what is known of a file is kept."""
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
        reason = instead_of(path) or f"cannot be decoded ({error.strerror}); make or download the file again"
        raise MediaError(path, reason) from error


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


def undecoded(path: str, number: int, num_frames: int) -> MediaError:
    """What is to be raised where picture `number`, from 0, of a file does not decode although its packet is there."""
    return MediaError(path, f"picture {number} of {num_frames} does not decode; the file is damaged or cut off: make "
                            f"or download it again")


def _require_whole(path: str, container: av.container.InputContainer, video: av.VideoStream | None, num_packets: int,
                   last_stamp_s: float) -> None:
    """Raise MediaError for a file that ends before its own header says.

    mp4 counts its pictures; others name a duration, which is only held against them when half a second is missing.
    Formats without either (mpg, ogg, aac) cannot tell.
    """
    counted = video is not None and "mp4" in container.format.name.split(",")
    if counted and num_packets < video.frames:
        raise MediaError(path, f"is cut off: its header counts {video.frames} pictures and {num_packets} are there; "
                               f"make or download it again")
    promised_s = promises.promised(container, video)
    start_s = (container.start_time or 0) / av.time_base
    there_s = last_stamp_s - start_s
    # Some writers of Matroska and ASF count from the zero of a clock on which the file starts late: then it ends after.
    if {"matroska", "asf"} & set(container.format.name.split(",")) and promised_s > start_s > 0:
        there_s = last_stamp_s
    if promised_s - there_s > MISSING_S and _names_duration(path, container):
        raise MediaError(path, f"is cut off: its header promises {promised_s:.1f} s and {max(there_s, 0):.1f} s are "
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


class _Pictures:
    """What the packets of the video stream say, in the order of the file."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream | None) -> None:
        self.indexed = bool(INDEXED.intersection(container.format.name.split(",")))
        self.stream = stream
        self.stamps: list[int] = []
        self.hidden: list[bool] = []
        self.keys: list[bool] = []
        self.quarter_turns: int | None = None

    def add(self, packet: av.Packet) -> None:
        self.stamps.append(packet.pts)
        self.hidden.append(packet.is_discard)
        self.keys.append(packet.is_keyframe)
        if packet.is_keyframe and self.quarter_turns is None:
            self.quarter_turns = _turns_of(packet)
        if packet.is_keyframe and self.stream.codec_context.name == "h264":
            self.indexed = self.indexed and _is_idr(packet)

    def shown(self) -> list[int]:
        """Stamps of the pictures that are shown, ascending."""
        return sorted(stamp for stamp, hidden in zip(self.stamps, self.hidden, strict=True) if not hidden)

    def num_hidden_after(self) -> int:
        last = max(self.shown(), default=0)
        return sum(hidden and stamp > last for stamp, hidden in zip(self.stamps, self.hidden, strict=True))

    def seekable(self) -> bool:
        if not self.indexed or not self.keys or not self.keys[0]:
            return False
        if sum(self.hidden) > self.num_hidden_after():  # behind a hidden start torchcodec is off by some pictures
            return False
        stamps = np.asarray(self.stamps)
        divides = ((stamps == np.maximum.accumulate(stamps))
                   & (stamps == np.minimum.accumulate(stamps[::-1])[::-1]))  # nothing is shown across it
        return bool(divides[self.keys].all())


def _is_idr(packet: av.Packet) -> bool:
    """Whether an H.264 key picture is an IDR picture; one that pictures before it lead up to (intra refresh) is not."""
    header, content = packet.stream.codec_context.extradata or b"", bytes(packet)
    if header[:1] != b"\x01":  # ISO/IEC 14496-15: units are led by their length, of as many bytes as the header says
        return False
    at, width = 0, (header[4] & 3) + 1
    while at + width < len(content):
        if content[at + width] & 31 == H264_IDR:
            return True
        at += width + int.from_bytes(content[at:at + width])
    return False


def _turns_of(packet: av.Packet) -> int | None:
    """The turn written beside the picture of a key packet; None where it does not decode by itself."""
    context = packet.stream.codec_context
    try:
        frames = packet.decode() + context.decode(None)
    except av.FFmpegError:
        return None
    finally:
        context.flush_buffers()
    return round(frames[0].rotation / 90) % 4 if frames else None


@lru_cache(maxsize=100_000)
def _probe(path: str, num_bytes: int, modified_ns: int) -> Probe:
    instead = instead_of(path)
    if instead:  # FFmpeg opens some of them by the ending of their name
        raise MediaError(path, instead)
    with opened(path) as container:
        streams = streams_of(container)
        if not streams:
            raise MediaError(path, "holds neither pictures nor sound; check that it is a media file")
        end_s = last_stamp_s = 0.0
        origin_s = start_of(container)
        video = next((stream for stream in streams if stream.type == "video"), None)
        if any(stream.codec_context is None for stream in streams) or (video and not video.width * video.height):
            raise MediaError(path, "holds a stream that FFmpeg cannot make sense of; make or download the file again")
        if video:
            video.codec_context.thread_count = 1  # threads cost more to start than one picture
        pictures, sound_s, unstamped = _Pictures(container, video), None, False
        for packet in through(container.demux(), path):
            if packet.pts is None:
                unstamped = unstamped or packet.size > 0
                continue
            stamp_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            last_stamp_s = max(last_stamp_s, stamp_s)
            if packet.stream is video:
                pictures.add(packet)
            if packet.stream in streams and not packet.is_discard:
                if packet.stream is video:
                    end_s = max(end_s, stamp_s - origin_s)
                else:
                    sound_s = max(sound_s or stamp_s, stamp_s)
        for sound in (stream for stream in streams if stream is not video):
            if sound_s is not None or unstamped:
                end_s = max(end_s, (promises.sound_end(container, sound, sound_s) or origin_s) - origin_s)
        frame_times = np.asarray([float(stamp * video.time_base) - origin_s for stamp in pictures.shown()])
        if len(frame_times) > 1 and frame_times[0] == frame_times[-1]:
            raise MediaError(path, f"shows all of its {len(frame_times)} pictures at one time; make it again at "
                                   f"its true frame rate")
        if last_stamp_s or not unstamped:
            _require_whole(path, container, video, len(pictures.stamps), last_stamp_s)
        if len(frame_times) > 1:  # the last picture is shown as long as the others, whatever its packet says
            end_s = max(end_s, frame_times[-1] + float(np.median(np.diff(frame_times))))
        if not end_s > 0:
            raise MediaError(path, "presents nothing for any length of time; make or download the file again")
        return Probe(end_s, frame_times, video.width if video else 0, video.height if video else 0,
                     has_sound=any(stream.type == "audio" for stream in streams),
                     num_hidden_after=pictures.num_hidden_after(), seekable=pictures.seekable(),
                     quarter_turns=pictures.quarter_turns or 0)

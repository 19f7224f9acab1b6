"""The frames of a video stream: when each is shown, in which shape, and by what a decoder tells it from the others."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import av
import numpy as np

from vaer.media.packets import READERS, REORDER, Packets, iterate
from vaer.media.shapes import NAMING_ASPECT, Shape, aspect_of, orientation_of
from vaer.media.streams import tick, video_stream

# Containers in which decord 0.6 and torchcodec 0.11 were seen to find the frame asked for. In MPEG program streams
# both are wrong by a group of pictures although they count right (GRID: twelve); in AVI and transport streams decord.
INDEXED = {"mp4", "matroska", "flv"}
REORDERING = {"h264", "hevc"}  # codecs that say whether they show frames in another order than they decode them
RATE = 25.0  # frames a second where nothing at all says when they are shown


class Frames(NamedTuple):
    """What is known of the frames of one stream."""

    times: np.ndarray
    """(frames,) seconds on the clock of the container, ascending."""
    shapes: tuple[Shape, ...]
    """Those that occur, in the order in which they come up."""
    stamps: np.ndarray | None
    """(frames,) the time stamps by which decoded frames are told apart; None where they are counted."""
    seekable: bool
    """Whether decoding may begin at every key."""
    num_hidden_after: int
    """Frames that an edit list hides behind the last one shown."""


def none() -> Frames:
    """Of a file without video."""
    return Frames(np.zeros(0), (), None, False, 0)


def learn(path: str, container: av.container.InputContainer, packets: Packets, first: Shape | None) -> Frames:
    """The frames of a stream whose packets were read; `first` is the shape of the first key, decoded by itself.

    Where packets cannot be trusted to be the frames the file is opened anew and all of them are decoded.
    """
    shown = sorted(stamp for stamp, hidden in zip(packets.stamps, packets.hidden, strict=True) if not hidden)
    # AVI holds no times, nor does Windows Media of reordered frames; FFmpeg guesses those of display.
    stamped = container.format.name not in ("avi", "asf") or (
        container.format.name == "asf" and packets.stream.codec_context.name not in REORDERING)
    trusted = stamped and first is not None and _are_frames(packets, shown)
    stamps = np.asarray(shown, dtype=np.int64)
    shapes: tuple[Shape, ...] = () if first is None else (first,)
    time_base = tick(packets.stream)
    if not trusted:
        with av.open(os.path.abspath(path), metadata_errors="replace") as anew:
            frames = list(_decoded(path, anew, packets.stream.index))
        shapes = tuple(dict.fromkeys(shape for _, _, shape in frames))
        trusted = stamped and len(shapes) == 1 and [pts for pts, _, _ in frames] == shown and not packets.repeats()
        if not trusted:
            return Frames(_times_of(frames, packets, stamped), shapes, None, False, 0)
    last = max(shown, default=0)
    after = sum(hidden and stamp > last for stamp, hidden in zip(packets.stamps, packets.hidden, strict=True))
    seekable = (bool(INDEXED.intersection(container.format.name.split(","))) and packets.refreshing
                and packets.stream.codec_context.name in READERS  # decord 0.6 gives other colours of some (RPZA)
                and not packets.hides and sum(packets.hidden) <= after  # behind a hidden start torchcodec is off
                and bool(packets.keys) and packets.keys[0] and packets.divided()
                and min(packets.stamps) >= 0)  # before 0 decord is off by a group of frames
    return Frames(np.asarray([float(stamp * time_base) for stamp in shown]), shapes, stamps, seekable, after)


def _are_frames(packets: Packets, shown: list[int]) -> bool:
    """Whether packets tell the frames: all are known, a key comes first, nothing is shown before it or twice."""
    if packets.peculiar or not packets.keys or not packets.keys[0] or not shown or packets.repeats():
        return False
    if shown[0] < packets.stamps[0] and not packets.hidden[0]:
        return False
    moved = _displacement(np.asarray(packets.stamps))
    if moved == 0 and packets.stream.codec_context.name in REORDERING and packets.stream.codec_context.has_b_frames:
        return False  # stamps of decoding, as AVI has them, may have been taken for those of display
    return packets.divided() and moved <= REORDER


def _displacement(stamps: np.ndarray) -> int:
    """How many places the farthest of them lies from where it would be in ascending order."""
    places = np.argsort(np.argsort(stamps, kind="stable"), kind="stable")
    return int(np.abs(places - np.arange(len(places))).max(initial=0))


def frames_of(container: av.container.InputContainer, stream: av.VideoStream,
              path: str) -> Iterator[tuple[av.VideoFrame, Shape]]:
    """Every frame of a stream from the start, with its shape, as decoded: as shown, but for what `numbered` mends."""
    stream.codec_context.thread_count = 1
    fixed = bool(NAMING_ASPECT.intersection(container.format.name.split(",")))
    aspects: list[tuple[int | None, float]] = [(None, aspect_of(stream))]  # each from a time stamp on
    orientation, rotation = None, 0.0
    for packet in iterate(container.demux(stream), path):
        frames = packet.decode()
        if not fixed and frames and (now := aspect_of(stream.codec_context)) != aspects[-1][1]:
            aspects.append((packet.pts, now))
        for frame in frames:
            aspect = next(ratio for since, ratio in reversed(aspects)
                          if since is None or frame.pts is None or since <= frame.pts)
            # A frame that is asked for its matrix lives until Python looks for cycles: only where it may be another.
            if orientation is None or frame.rotation != rotation:
                orientation, rotation = orientation_of(frame, stream), frame.rotation
            yield frame, Shape(frame.width, frame.height, aspect, orientation)


def numbered(frames: Iterator[tuple[av.VideoFrame, Shape]],
             stamps: np.ndarray | None) -> Iterator[tuple[int, av.VideoFrame, Shape]]:
    """Each frame with its place among `stamps`, in their order; without stamps all are counted.

    Those that have no place there are left out. A frame that comes too early waits, since FFmpeg may end with two
    frames exchanged (a copy that lost its edit list); for one that does not come, no more wait than codecs keep
    back.
    """
    early: dict[int, tuple[av.VideoFrame, Shape]] = {}
    following = 0
    for count, (frame, shape) in enumerate(frames):
        number = count if stamps is None else _place(stamps, frame.pts)
        if number is None:
            continue
        if number < following:
            yield number, frame, shape
            continue
        early[number] = frame, shape
        while following in early or len(early) > REORDER:
            following = min(early)
            yield following, *early.pop(following)
            following += 1
    for number in sorted(early):
        yield number, *early[number]


def _place(stamps: np.ndarray, stamp: int | None) -> int | None:
    if stamp is None:
        return None
    place = int(np.searchsorted(stamps, stamp))
    return place if place < len(stamps) and stamps[place] == stamp else None


def first_shape(packet: av.Packet, stream: av.VideoStream) -> Shape | None:
    """The shape of the frame in a key packet; None where it does not decode by itself."""
    context = stream.codec_context
    if not context.is_open:
        context.thread_count = 1  # threads cost more to start than one frame
    try:
        frames = packet.decode() + context.decode(None)
    except av.FFmpegError:
        return None
    finally:
        context.flush_buffers()
    if not frames:
        return None
    return Shape(frames[0].width, frames[0].height, aspect_of(stream), orientation_of(frames[0], stream))


def _decoded(path: str, container: av.container.InputContainer,
             index: int) -> Iterator[tuple[int | None, int | None, Shape]]:
    """Time stamp, decoding time stamp and shape of every frame."""
    for frame, shape in frames_of(container, video_stream(container, index), path):
        yield frame.pts, frame.dts, shape


def _times_of(frames: list[tuple[int | None, int | None, Shape]], packets: Packets, stamped: bool) -> np.ndarray:
    """(frames,) seconds: their time stamps; where most have none, those of decoding; else an even rate."""
    stream = packets.stream
    shown, decoded = (np.array([np.nan if stamp is None else float(stamp * tick(stream)) for stamp in column])
                      for column in ([pts for pts, _, _ in frames], [dts for _, dts, _ in frames]))
    if 2 * np.isfinite(shown).sum() < np.isfinite(decoded).sum() and packets.first_dts is not None:
        # A frame that waits for others gets the time of the packet that set it free: all are late alike.
        shown = decoded - decoded[np.isfinite(decoded)][0] + float(packets.first_dts * tick(stream))
    elif not stamped and (shown > decoded).all():  # every frame came out at once: none is shown later than decoded
        shown = decoded
    rate = stream.average_rate or stream.guessed_rate
    return mended(shown, 1 / float(rate) if rate else 1 / RATE, float((stream.start_time or 0) * tick(stream)))


def mended(times: np.ndarray, step_s: float, start_s: float = 0.0) -> np.ndarray:
    """(frames,) ascending: missing times (NaN) between their neighbours, or `step_s` apart at the ends and throughout.

    One time that is wrong lies between its neighbours; where the clock starts again it goes on instead.
    """
    known = np.flatnonzero(np.isfinite(times))
    if not len(known):
        return start_s + np.arange(len(times)) * step_s
    if len(known) > 1:
        step_s = float(np.median(np.abs(np.diff(times[known])) / np.diff(known))) or step_s
    numbers = np.arange(len(times))
    filled = np.interp(numbers, known, times[known])
    filled[:known[0]] -= (known[0] - numbers[:known[0]]) * step_s
    filled[known[-1] + 1:] += (numbers[known[-1] + 1:] - known[-1]) * step_s
    if _displacement(filled) <= REORDER:  # decoders show in the right order what has the stamps of another
        return np.sort(filled)
    for here in (np.flatnonzero(np.diff(filled) < 0) + 1).tolist():
        _mend(filled, here, step_s)
    return np.maximum.accumulate(filled)


def _mend(times: np.ndarray, here: int, step_s: float) -> None:
    """Set right what goes back in time at `here`, in place."""
    before = times[here - 1]
    if times[here] >= before:  # what came before was mended
        return
    if here + 1 < len(times) and times[here + 1] >= before:
        times[here] = (before + times[here + 1]) / 2
    elif here == 1:
        times[0] = times[1] - step_s
    elif times[here] > times[here - 2]:
        times[here - 1] = (times[here - 2] + times[here]) / 2
    else:
        times[here:] += before + step_s - times[here]



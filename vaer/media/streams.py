"""Which streams of a container are seen and heard, where it holds several; every decoder is given the same."""

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import av

from vaer.media.packets import Packets

Flag = av.stream.Disposition
NO_VIDEO = Flag.attached_pic | Flag.timed_thumbnails
ASIDE = Flag.hearing_impaired | Flag.visual_impaired | Flag.comment | Flag.karaoke | Flag.clean_effects \
    | Flag.descriptions | Flag.non_diegetic


def video_streams(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The streams that may be the video: a cover or the images of chapters are not."""
    return [stream for stream in container.streams.video if not stream.disposition & NO_VIDEO]


def video_stream(container: av.container.InputContainer, index: int | None) -> av.VideoStream:
    """The stream of frames number `index`, which is there."""
    return cast("av.VideoStream", container.streams[cast("int", index)])


def audio_stream(container: av.container.InputContainer, index: int | None) -> av.AudioStream:
    """The audio stream number `index`, which is there."""
    return cast("av.AudioStream", container.streams[cast("int", index)])


def tick(timed: av.stream.Stream | av.frame.Frame | av.Packet) -> Fraction:
    """Seconds of one count of the clock by which something is stamped; FFmpeg gives one to whatever it opens."""
    return cast("Fraction", timed.time_base)


def choose_video(streams: dict[int, Packets]) -> int | None:
    """The index of the video that is taken: of those of more than one frame the default one, else the first."""
    there = [index for index, packets in streams.items() if packets.num_packets] or list(streams)
    known = [index for index in there if makes_sense(streams[index].stream)] or there
    moving = [index for index in known if streams[index].num_packets - sum(streams[index].hidden) > 1] or known
    return _best([streams[index].stream for index in moving])


def choose_audio(streams: list[av.AudioStream], num_packets: dict[int, int]) -> int | None:
    """The index of the audio that is taken: of those that hold some the default one, else the first."""
    there = [stream for stream in streams if num_packets.get(stream.index)] or streams
    return _best([stream for stream in there if makes_sense(stream)] or there)


def _best(streams: Sequence[av.stream.Stream]) -> int | None:
    """Flags as a player honours them: the default one, then what is not made for some listeners alone."""
    ranked = sorted(streams, key=lambda stream: (not stream.disposition & Flag.default,
                                                 bool(stream.disposition & ASIDE)))
    return ranked[0].index if ranked else None


def makes_sense(stream: av.stream.Stream) -> bool:
    """Whether there is a decoder for a stream and, of a video, a size."""
    if stream.codec_context is None or stream.type != "video":
        return stream.codec_context is not None
    video = cast("av.VideoStream", stream)
    return video.width * video.height > 0


def describe(video: int | None, videos: list[av.VideoStream], audio: int | None,
             audio_streams: list[av.AudioStream]) -> str:
    """Which streams are taken, and of which; empty where there is no choice."""
    parts = [f"takes {kind} stream {taken} of {', '.join(str(stream.index) for stream in streams)}"
             for kind, taken,
             streams in (("video", video, videos), ("audio", audio, audio_streams)) if len(streams) > 1]
    return "; ".join(parts)

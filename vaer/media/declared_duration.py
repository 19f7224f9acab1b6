"""How long a file's audio lasts, and what its header promises, where the two kinds of answers contradict each other."""

import struct

import av

from vaer.media.streams import tick

# ASF Specification 1.20.05, 3.2: the object that tells size and duration, in tenths of a microsecond with the preroll.
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_FIELDS = struct.Struct("<16sQ16sQQQQQQI")
ASF_BROADCAST, ASF_HEAD = 1, 65_536


def audio_end(container: av.container.InputContainer, stream: av.AudioStream, stamped_s: float | None) -> float | None:
    """When an audio stream ends, s on the container's clock, of which its packets say `stamped_s`; None: nothing does.

    AVI has no stamps, and FFmpeg counts blocks of some codecs wrongly (E-AC-3 190 times too long), or its writers did
    (ADPCM: a header of hours): the shorter of the two counts. Packets without stamps leave the header's word.
    """
    named_s = None if not stream.duration else float((stream.duration + (stream.start_time or 0)) * tick(stream))
    if stamped_s is None or named_s is None:
        return named_s if stamped_s is None else stamped_s
    return min(named_s, stamped_s) if container.format.name == "avi" else stamped_s


def declared(container: av.container.InputContainer, video: av.VideoStream | None) -> float:
    """The seconds that a file's header promises; 0 where it names none that can be relied on.

    An AVI promises its frames: its audio may be counted in blocks. FFmpeg takes back what the header of an AVI or of a
    Windows Media file says where the file is shorter, and guesses.
    """
    if container.format.name == "avi":
        return float(max(video.frames, video.duration or 0) * tick(video)) if video is not None else 0.0
    if container.format.name == "asf":
        return _asf_duration(container.name)
    return (container.duration or 0) / av.time_base


def _asf_duration(path: str) -> float:
    """The seconds that the header of a Windows Media file names; 0 where it was written while it was sent."""
    with open(path, "rb") as file:
        head = file.read(ASF_HEAD)
    at = head.find(ASF_PROPERTIES)
    if at < 0 or at + ASF_FIELDS.size > len(head):
        return 0.0
    _, _, _, _, _, _, duration, _, preroll_ms, flags = ASF_FIELDS.unpack_from(head, at)
    return 0.0 if flags & ASF_BROADCAST else max(0.0, duration / 1e7 - preroll_ms / 1e3)

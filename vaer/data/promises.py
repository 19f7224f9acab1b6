"""How long a file's sound lasts, and what its header promises, where the two kinds of answers contradict each other."""

import av


def sound_end(container: av.container.InputContainer, stream: av.AudioStream, stamped_s: float | None) -> float | None:
    """When a sound ends, seconds on the container's clock, of which its packets say `stamped_s`; None: nothing does.

    AVI has no stamps, and FFmpeg counts blocks of some codecs wrongly (E-AC-3 190 times too long), or its writers did
    (ADPCM: a header of hours): the shorter of the two counts. Packets without stamps leave the header's word.
    """
    named_s = None if not stream.duration else float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    if stamped_s is None or (named_s is not None and container.format.name == "avi"):
        return named_s if stamped_s is None else min(named_s, stamped_s)
    return stamped_s


def promised(container: av.container.InputContainer, video: av.VideoStream | None) -> float:
    """The seconds that a file's header promises; 0 where it names none that can be relied on.

    An AVI promises its frames: its sound may be counted in blocks.
    """
    if container.format.name == "avi":
        return float(video.duration * video.time_base) if video is not None and video.duration else 0.0
    return (container.duration or 0) / av.time_base

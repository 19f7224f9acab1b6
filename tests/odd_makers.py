"""Media files of every kind, made by FFmpeg, whose frames tell their number and whose audio tells its moment."""

import heapq
import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache, lru_cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from scipy.signal import resample_poly

CODE = 96  # pixels of the square that holds the code, at the size at which it is drawn
COLOURS = np.array([[[220, 30, 30], [30, 200, 40], [30, 40, 220], [235, 235, 235]],
                    [[60, 60, 60], [230, 170, 130], [230, 220, 40], [16, 16, 16]]], dtype=np.uint8)
TRUTH_RATE = 16_000
SOUND_S = 12.0
PIECE_S = 0.04  # streams are written in turns of so many seconds, as a camera does
QUALITY_BY_OPTION = {"libx264", "libx264rgb", "libx265", "libsvtav1", "gif"}
os.environ.setdefault("SVT_LOG", "0")  # that encoder describes itself at length
Timed = tuple[float, list[av.Packet]]


class Film(NamedTuple):
    """A stream of numbered frames."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    rate: Fraction = Fraction(25)
    frames: int = 250
    size: tuple[int, int] = (96, 128)
    """Height and width as they are coded."""
    start_s: float = 0.0
    variable: bool = False
    """Frames stand at uneven times, thousandths of a second from `rate` on."""
    turn: int = 0
    """Degrees counterclockwise by which a player turns the frames."""
    mirror: bool = False
    """Whether a player mirrors them, left to right, after the turn."""
    sar: Fraction = Fraction(1)
    """How much wider than high a pixel is shown."""
    options: dict[str, str] = {}
    default: bool | None = None
    decoy: bool = False
    """The stream is not the one to be seen: its frames count down from 255."""
    resized: tuple[int, int] | None = None
    """Height and width of the second half of the frames."""
    range: int | None = None
    """The colour range that is written, 1 limited, 2 full."""

    def times(self) -> np.ndarray:
        """(frames,) seconds at which each frame is shown."""
        numbers = np.arange(self.frames)
        if not self.variable:
            return self.start_s + numbers / float(self.rate)
        steps = np.random.default_rng(0).integers(1, 4, self.frames) * round(500 / self.rate)
        return self.start_s + (np.cumsum(steps) - steps[0]) / 1000


class Sound(NamedTuple):
    """A stream of seeded noise."""

    codec: str = "aac"
    rate: int = 48_000
    layout: str = "stereo"
    seconds: float = 10.0
    start_s: float = 0.0
    bit_rate: int | None = None
    format: str | None = None
    options: dict[str, str] = {}
    default: bool | None = None
    decoy: bool = False
    """The stream is not the one to be heard: it is other noise."""


class Odd(NamedTuple):
    """A file: its streams in their order, and what is known of it."""

    name: str
    streams: tuple[Film | Sound, ...]
    muxer: str | None = None
    options: dict[str, str] = {}
    extras: tuple[str, ...] = ()
    """Of cover, subtitles, chapters, timecode."""
    patch: Callable[[bytes], bytes] | None = None
    """What is changed in the bytes of the finished file."""
    lag_ms: float | None = None
    """How late or early audio may be where it is not usual for its codec."""
    likeness: float | None = None
    """Least correlation of audio where it is not usual for its codec."""
    quick: bool = False
    """Whether the file belongs to the reduced set."""

    def film(self) -> Film | None:
        """The stream that is to be seen."""
        return next((stream for stream in self.streams if isinstance(stream, Film) and not stream.decoy), None)

    def sound(self) -> Sound | None:
        """The stream that is to be heard."""
        return next((stream for stream in self.streams if isinstance(stream, Sound) and not stream.decoy), None)

    def shortened(self, frames: int = 75) -> "Odd":
        """The same with at most so many frames and as much audio."""
        def shorter(stream: Film | Sound) -> Film | Sound:
            if isinstance(stream, Film):
                return stream._replace(frames=min(stream.frames, frames))
            return stream._replace(seconds=min(stream.seconds, frames / 25))
        return self._replace(streams=tuple(map(shorter, self.streams)))


@cache
def code(number: int) -> np.ndarray:
    """(CODE, CODE, 3): four colours in two rows above, the bits of the number in two rows of four fields below."""
    bits = (number >> np.arange(8) & 1).reshape(2, 4, 1) * np.full(3, 255)
    fields = np.concatenate([COLOURS, bits.astype(np.uint8)])
    return fields.repeat(CODE // 4, axis=0).repeat(CODE // 4, axis=1)


def drawn(film: Film, number: int, size: tuple[int, int]) -> np.ndarray:
    """(*size, 3): the frame as it is coded, so that a player shows the code upright in the middle."""
    turned = film.turn % 180 != 0
    height, width = size[0], round(size[1] * film.sar)
    height, width = (width, height) if turned else (height, width)
    side = min(height, width)
    canvas = np.full((height, width, 3), 128, dtype=np.uint8)
    places = np.arange(side) * CODE // side
    top, left = (height - side) // 2, (width - side) // 2
    canvas[top:top + side, left:left + side] = code(255 - number if film.decoy else number)[places][:, places]
    if film.mirror:
        canvas = canvas[:, ::-1]
    canvas = np.rot90(canvas, -film.turn // 90)
    return np.ascontiguousarray(canvas[:, np.arange(size[1]) * canvas.shape[1] // size[1]])


@lru_cache
def noise(seed: int) -> np.ndarray:
    """(samples,) at 16 kHz between 200 and 2000 Hz, which every codec keeps, at most 0.8."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=round(SOUND_S * TRUTH_RATE)))
    hertz = np.fft.rfftfreq(round(SOUND_S * TRUTH_RATE), 1 / TRUTH_RATE)
    spectrum[(hertz < 200) | (hertz > 2000)] = 0
    sound = np.fft.irfft(spectrum)
    return (0.8 * sound / np.abs(sound).max()).astype(np.float32)


def heard(sound: Sound) -> np.ndarray:
    """(samples,) at 16 kHz: what the stream holds."""
    return noise(int(sound.decoy))[:round(sound.seconds * TRUTH_RATE)]


def write_odd(odd: Odd, folder: Path) -> Path:
    """The file, made anew."""
    path = folder / odd.name
    with av.open(str(path), "w", format=odd.muxer, options=odd.options) as container:
        if "timecode" in odd.extras:
            container.metadata["timecode"] = "01:00:00:00"
        if "chapters" in odd.extras:
            container.set_chapters([{"id": number, "start": 2000 * number, "end": 2000 * number + 2000,
                                     "time_base": Fraction(1, 1000), "metadata": {"title": f"part {number}"}}
                                    for number in range(2)])
        flows = [_cover(container)] if "cover first" in odd.extras else []
        for stream in odd.streams:
            flows.append((_film if isinstance(stream, Film) else _sound)(container, stream))
        flows += [EXTRAS[name](container) for name in odd.extras if name in EXTRAS]
        for _, packets in heapq.merge(*flows, key=itemgetter(0)):
            container.mux(packets)
    if odd.patch is not None:
        path.write_bytes(odd.patch(path.read_bytes()))
    return path


def _film(container: av.container.OutputContainer, film: Film) -> Iterator[Timed]:
    """Adds the stream; the flow of its packets, each with the seconds at which they are due."""
    stream = container.add_stream(film.codec, rate=film.rate, options=film.options)
    _set_up(stream, film, film.size)
    if film.turn or film.mirror:
        stream.set_display_rotation(film.turn, hflip=film.mirror)
    _flag(stream, film.default)
    return _film_packets(stream, film)


def _set_up(stream: av.VideoStream | av.VideoCodecContext, film: Film, size: tuple[int, int]) -> None:
    context = stream if isinstance(stream, av.VideoCodecContext) else stream.codec_context
    context.height, context.width, context.pix_fmt = *size, film.pix_fmt
    context.time_base = Fraction(1, 1000) if film.variable else 1 / film.rate
    context.framerate = film.rate
    context.thread_count = 1
    if film.codec not in QUALITY_BY_OPTION:
        context.bit_rate = 1_500_000
    if film.sar != 1:
        stream.sample_aspect_ratio = film.sar
    if film.range is not None:
        context.color_range = film.range


def _film_packets(stream: av.VideoStream, film: Film) -> Iterator[Timed]:
    encoder, size, times = stream, film.size, film.times()
    for number, at_s in enumerate(times):
        if film.resized is not None and number == film.frames // 2:
            yield at_s, _of(stream, encoder.encode())
            encoder, size = av.CodecContext.create(film.codec, "w"), film.resized
            _set_up(encoder, film, size)
            encoder.options = film.options
        frame = av.VideoFrame.from_ndarray(drawn(film, number, size), format="rgb24")
        frame = frame.reformat(format=film.pix_fmt)
        frame.time_base = Fraction(1, 1000) if film.variable else 1 / film.rate
        frame.pts = round(at_s / frame.time_base)
        yield at_s, _of(stream, encoder.encode(frame))
    yield math.inf, _of(stream, encoder.encode())


def _of(stream: av.VideoStream, packets: list[av.Packet]) -> list[av.Packet]:
    for packet in packets:
        packet.stream = stream
    return packets


def _sound(container: av.container.OutputContainer, sound: Sound) -> Iterator[Timed]:
    """Adds the stream; the flow of its packets, each with the seconds at which they are due."""
    stream = container.add_stream(sound.codec, rate=sound.rate, layout=sound.layout, options=sound.options)
    if sound.format is not None:
        stream.format = sound.format
    if sound.bit_rate is not None or "wma" in sound.codec:  # that has no rate of its own
        stream.bit_rate = sound.bit_rate or 128_000
    _flag(stream, sound.default)
    return _sound_packets(stream, sound)


def _sound_packets(stream: av.AudioStream, sound: Sound) -> Iterator[Timed]:
    factor = Fraction(sound.rate, TRUTH_RATE)
    samples = resample_poly(heard(sound), factor.numerator, factor.denominator).astype(np.float32)
    channels, piece = av.AudioLayout(sound.layout).nb_channels, round(PIECE_S * sound.rate)
    for first in range(0, len(samples), piece):
        part = samples[None, first:first + piece].repeat(channels, axis=1)  # the same in every channel
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout=sound.layout)
        frame.sample_rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
        frame.pts = first + round(sound.start_s * sound.rate)
        yield frame.pts / sound.rate, stream.encode(frame)
    yield math.inf, stream.encode()


def _flag(stream: av.stream.Stream, default: bool | None) -> None:
    if default is not None:
        stream.disposition = av.stream.Disposition.default if default else av.stream.Disposition(0)


def _cover(container: av.container.OutputContainer) -> Iterator[Timed]:
    """A frame that players show beside the audio."""
    stream = container.add_stream("mjpeg", rate=25)
    stream.height, stream.width, stream.pix_fmt = 64, 64, "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 200, dtype=np.uint8), format="rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return ((0.0, stream.encode(part)) for part in (frame, None))


def _subtitles(container: av.container.OutputContainer) -> Iterator[Timed]:
    """Two lines of text."""
    stream = container.add_mux_stream({"mp4": "mov_text", "mov": "mov_text"}.get(container.format.name, "subrip"))
    for number in range(2):
        text = b"hello" if container.format.name == "matroska" else b"\0\5hello"
        packet = av.Packet(text)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 1000 * number
        packet.duration = 500
        yield number, [packet]


EXTRAS = {"cover": _cover, "subtitles": _subtitles}


def copy_video(source: Path, path: Path) -> list[int]:
    """A copy of the video stream alone, without its edit list; the stamps of its frames, as FFmpeg decodes them."""
    with av.open(str(source)) as original, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(original.streams.video[0])
        for packet in original.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with av.open(str(path)) as container:
        return [frame.pts for frame in container.decode(video=0)]

"""Compact clips: H.264 that decodes quickly, and the sound at 16 kHz without loss."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vaer.media.media import SAMPLE_RATE
from vaer.prepare.settings import PrepareConfig

BIT_EXACT = {"fflags": "+bitexact"}  # no dates, no versions: the same bytes every time
CLOCK = Fraction(1, 90_000)
SOUND_PIECE = SAMPLE_RATE  # pictures and sound alternate in the file by the second


def write_film(path: Path, pictures: Iterator[np.ndarray], shown_s: np.ndarray, sound: np.ndarray | None,
               size: tuple[int, int], config: PrepareConfig) -> None:
    """An mp4 of pictures (height, width, 3) uint8, each shown at its time, with sound (samples,) at 16 kHz or none."""
    with av.open(str(path), "w", format="mp4", options=BIT_EXACT | {"movflags": "+faststart"}) as output:
        # A constant quantizer: rate control by macroblock trees is not the same twice. Without CABAC and the loop
        # filter (fastdecode) pictures decode in two thirds of the time, and the file grows by a twentieth.
        options = {"preset": "veryfast", "tune": "fastdecode", "qp": str(config.quality), "bf": "0", "threads": "1",
                   "flags": "+bitexact"}
        stream = output.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = *size, "yuv420p", config.gop
        stream.codec_context.time_base, stream.codec_context.thread_count = CLOCK, 1
        voice = _voice(output) if sound is not None else None
        heard, stamp = 0, -1
        for picture, time_s in zip(pictures, shown_s, strict=True):
            while voice is not None and heard < len(sound) and heard <= time_s * SAMPLE_RATE:
                heard = _hear(output, voice, sound, heard)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            stamp = max(stamp + 1, round(time_s / CLOCK))  # an AVI may show two pictures at one time, an mp4 may not
            frame.pts, frame.time_base = stamp, CLOCK
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if voice is not None:
            _hear_out(output, voice, sound, heard)


def write_sound(path: Path, sound: np.ndarray, kind: str = "flac") -> None:
    """A flac, or an mp4 without pictures, of (samples,) float32 at 16 kHz."""
    with av.open(str(path), "w", format=kind, options=BIT_EXACT) as output:
        _hear_out(output, _voice(output), sound, 0)


def _voice(output: av.container.OutputContainer) -> av.AudioStream:
    return output.add_stream("flac", rate=SAMPLE_RATE, layout="mono", options={"flags": "+bitexact"})


def _hear(output: av.container.OutputContainer, stream: av.AudioStream, sound: np.ndarray, heard: int) -> int:
    """Write the next second of a sound of which `heard` samples are written; how many are now."""
    piece = sound[heard:heard + SOUND_PIECE]
    levels = (piece * 32768).round().clip(-32768, 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(levels[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, heard, Fraction(1, SAMPLE_RATE)
    output.mux(stream.encode(frame))
    return heard + len(piece)


def _hear_out(output: av.container.OutputContainer, stream: av.AudioStream, sound: np.ndarray, heard: int) -> None:
    while heard < len(sound):
        heard = _hear(output, stream, sound, heard)
    output.mux(stream.encode())

"""Pictures and sound as an mp4, the same bytes every time."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vaer.demo.voice import SAMPLE_RATE

FPS = 25


def encode_pictures(pictures: np.ndarray) -> bytes:
    """An mp4 of H.264 from (frames, height, width, 3) uint8; one thread and no dates, so the same bytes every time."""
    store = io.BytesIO()
    with av.open(store, "w", format="mp4", options={"fflags": "+bitexact"}) as output:
        # A constant quantizer: with crf x264's macroblock tree gave 3 of 16 films other bytes in six encodings.
        options = {"preset": "veryfast", "qp": "20", "bf": "0", "threads": "1", "flags": "+bitexact"}
        stream = output.add_stream("libx264", rate=FPS, options=options)
        stream.height, stream.width, stream.pix_fmt, stream.gop_size = *pictures.shape[1:3], "yuv420p", FPS
        stream.codec_context.thread_count = 1
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return store.getvalue()


def encode_sound(waveform: np.ndarray, *, lossless: bool = False) -> bytes:
    """An mp4 of AAC, or of FLAC of 16 bits, from (samples,) float32 at `SAMPLE_RATE`; the same bytes every time."""
    store = io.BytesIO()
    with av.open(store, "w", format="mp4", options={"fflags": "+bitexact"}) as output:
        codec, form = ("flac", "s16") if lossless else ("aac", "fltp")
        stream = output.add_stream(codec, rate=SAMPLE_RATE, layout="mono", options={"flags": "+bitexact"})
        samples = waveform[None]
        if lossless:
            samples = (samples * 2**15).round().clip(-2**15, 2**15 - 1).astype(np.int16)
        else:
            stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return store.getvalue()


def mux(path: Path, pictures: bytes, sound: bytes) -> None:
    """An mp4 that holds copies of the packets of two others: pictures of the one, sound of the other."""
    with (av.open(io.BytesIO(pictures)) as seen, av.open(io.BytesIO(sound)) as heard,
          av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as output):
        pairs = [(source, output.add_stream_from_template(source.streams[0])) for source in (seen, heard)]
        packets = []
        for source, stream in pairs:
            for packet in source.demux():
                if packet.dts is not None:  # the last one of a file is empty
                    packets.append((float(packet.dts * packet.time_base), packet, stream))
        for _, packet, stream in sorted(packets, key=lambda entry: entry[0]):
            packet.stream = stream
            output.mux(packet)

"""The one writer of media files: mp4 of H.264 with FLAC or AAC, FLAC alone, wav; the same bytes every time."""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np

from vaer.media.waveforms import SAMPLE_RATE

BIT_EXACT = {"fflags": "+bitexact"}  # no dates, no versions
CLOCK = Fraction(1, 90_000)
PIECE = SAMPLE_RATE  # frames and audio alternate in the file by the second


def write_mp4(path: Path, frames: Iterable[np.ndarray], shown_s: np.ndarray, waveform: np.ndarray | None,
              size: tuple[int, int], *, quality: int, gop: int) -> None:
    """An mp4 of frames (height, width, 3) uint8, each shown at its time, with a waveform (samples,) or none as FLAC.

    `size` is width and height, `quality` the quantizer of H.264, `gop` the frames from one key frame to the next.
    """
    with av.open(str(path), "w", format="mp4", options=BIT_EXACT | {"movflags": "+faststart"}) as output:
        # Without CABAC and the loop filter (fastdecode) frames decode in two thirds of the time, and the file grows by
        # a twentieth.
        video = _add_video(output, size, 30, quality, gop, tune="fastdecode")
        video.codec_context.time_base = CLOCK
        audio = None if waveform is None else _AudioTrack(output, waveform)
        stamp = -1
        for frame, time_s in zip(frames, shown_s, strict=True):
            if audio is not None:
                audio.write_until(time_s)
            image = av.VideoFrame.from_ndarray(frame, format="rgb24")
            stamp = max(stamp + 1, round(time_s / CLOCK))  # an AVI may show two frames at one time, an mp4 may not
            image.pts, image.time_base = stamp, CLOCK
            output.mux(video.encode(image))
        output.mux(video.encode())
        if audio is not None:
            audio.finish()


def write_audio(path: Path, waveform: np.ndarray, kind: Literal["flac", "mp4"] = "flac") -> None:
    """A FLAC of 16 bits, by itself or in an mp4 without frames, of (samples,) float32 at `SAMPLE_RATE`."""
    with av.open(str(path), "w", format=kind, options=BIT_EXACT) as output:
        _AudioTrack(output, waveform).finish()


def write_wav(path: Path, waveform: np.ndarray, sample_rate: int) -> None:
    """A wav of (samples,) floats as they are, at any rate."""
    with av.open(str(path), "w", format="wav", options=BIT_EXACT) as output:
        stream = output.add_stream("pcm_f32le", rate=sample_rate, layout="mono")
        for first in range(0, len(waveform), sample_rate):
            piece = np.ascontiguousarray(waveform[None, first:first + sample_rate], dtype=np.float32)
            output.mux(stream.encode(_audio_frame(piece, "flt", sample_rate, first)))
        output.mux(stream.encode())


def encode_frames(frames: np.ndarray, *, fps: int) -> bytes:
    """An mp4 of H.264 from (time, height, width, 3) uint8 at a steady rate, a key frame every second."""
    store = io.BytesIO()
    with av.open(store, "w", format="mp4", options=BIT_EXACT) as output:
        video = _add_video(output, (frames.shape[2], frames.shape[1]), fps, 20, fps)
        for frame in frames:
            output.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(video.encode())
    return store.getvalue()


def encode_waveform(waveform: np.ndarray, codec: Literal["aac", "flac"] = "aac") -> bytes:
    """An mp4 of AAC, or of FLAC of 16 bits, from (samples,) float32 at `SAMPLE_RATE`."""
    store = io.BytesIO()
    with av.open(store, "w", format="mp4", options=BIT_EXACT) as output:
        if codec == "flac":
            _AudioTrack(output, waveform).finish()
        else:
            audio = _add_audio(output, codec)
            audio.bit_rate = 64_000
            output.mux(audio.encode(_audio_frame(waveform[None], "fltp", SAMPLE_RATE, 0)))
            output.mux(audio.encode())
    return store.getvalue()


def through_opus(waveform: np.ndarray, bit_rate: int) -> np.ndarray:
    """(samples,) float32 at `SAMPLE_RATE`, encoded at `bit_rate` bits a second and decoded: as long, and no later."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "flt"
    encoder.time_base, encoder.bit_rate = Fraction(1, SAMPLE_RATE), bit_rate
    encoder.open()
    step = encoder.frame_size
    padded = np.pad(waveform, (0, -len(waveform) % step)).astype(np.float32)
    packets = [packet for first in range(0, len(padded), step)
               for packet in encoder.encode(_audio_frame(padded[None, first:first + step], "flt", SAMPLE_RATE, first))]
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("libopus", "r")
    decoder.extradata = encoder.extradata  # which says how many samples are the encoder's delay
    back = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    decoded = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    pieces = [piece for frame in [*decoded, None] for piece in back.resample(frame)]
    restored = np.concatenate([piece.to_ndarray()[0] for piece in pieces])[:len(waveform)]
    return np.pad(restored, (0, len(waveform) - len(restored)))


def join(path: Path, video: bytes, audio: bytes) -> None:
    """An mp4 that holds copies of the packets of two others: frames of the one, audio of the other."""
    with (av.open(io.BytesIO(video), "r") as video_file, av.open(io.BytesIO(audio), "r") as audio_file,
          av.open(str(path), "w", format="mp4", options=BIT_EXACT) as output):
        pairs = [(source, output.add_stream_from_template(source.streams[0])) for source in (video_file, audio_file)]
        packets = []
        for source, stream in pairs:
            for packet in source.demux():
                if packet.dts is not None:  # the last one of a file is empty
                    packets.append((float(packet.dts * packet.time_base), packet, stream))
        for _, packet, stream in sorted(packets, key=lambda entry: entry[0]):
            packet.stream = stream
            output.mux(packet)


def _add_video(output: av.container.OutputContainer, size: tuple[int, int], rate: int, quality: int, gop: int,
               **options: str) -> av.VideoStream:
    """A stream of H.264 by a constant quantizer and one thread: with crf, x264's macroblock tree is not the same twice.

    It gave 3 of 16 films other bytes in six encodings.
    """
    options |= {"preset": "veryfast", "qp": str(quality), "bf": "0", "threads": "1", "flags": "+bitexact"}
    stream = output.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height, stream.pix_fmt, stream.gop_size = *size, "yuv420p", gop
    stream.codec_context.thread_count = 1
    return stream


def _add_audio(output: av.container.OutputContainer, codec: Literal["aac", "flac"]) -> av.AudioStream:
    return output.add_stream(codec, rate=SAMPLE_RATE, layout="mono", options={"flags": "+bitexact"})


def _audio_frame(samples: np.ndarray, form: str, sample_rate: int, first: int) -> av.AudioFrame:
    """A frame of (1, samples) whose first one is number `first` of its stream."""
    frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = sample_rate, first, Fraction(1, sample_rate)
    return frame


class _AudioTrack:
    """A waveform that goes into a file as FLAC of 16 bits, by the second."""

    def __init__(self, output: av.container.OutputContainer, waveform: np.ndarray) -> None:
        self.output, self.waveform, self.written = output, waveform, 0
        self.stream = _add_audio(output, "flac")

    def write_until(self, time_s: float) -> None:
        """Write what begins up to `time_s`, in whole seconds."""
        while self.written < len(self.waveform) and self.written <= time_s * SAMPLE_RATE:
            self._write_piece()

    def finish(self) -> None:
        """Write the rest, and what the encoder holds."""
        while self.written < len(self.waveform):
            self._write_piece()
        self.output.mux(self.stream.encode())

    def _write_piece(self) -> None:
        piece = self.waveform[self.written:self.written + PIECE]
        levels = (piece * 2**15).round().clip(-2**15, 2**15 - 1).astype(np.int16)
        self.output.mux(self.stream.encode(_audio_frame(levels[None], "s16", SAMPLE_RATE, self.written)))
        self.written += len(piece)

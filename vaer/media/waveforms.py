"""From a file and a window to its waveform: mono, 16 kHz, in floating point from the decoder to the network.

Mixing: stereo is the mean of both channels. Layouts with named places (5.1, 7.1, ...) are mixed by FFmpeg's weights,
scaled to a sum of 1, without the low-frequency channel. Channels without a place are averaged; of an ambisonic waveform
the first channel, which hears all directions alike, is taken.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple, cast

import av
import numpy as np
from av.filter import Graph

from vaer.errors import MediaError, warn_once
from vaer.media.packets import iterate
from vaer.media.probe import opened, probe
from vaer.media.streams import audio_stream, tick

SAMPLE_RATE = 16_000
RUN_UP_S = 1.0  # lets codecs with memory settle
G722_BY_MICROSOFT = "e\0\0\0"  # 0x65 in WAV (RFC 2361, A.44)
REMEMBERING = re.compile(r"adpcm|g72|.*dpcm|dfpwm")  # codecs that write differences
AVI_TIMED = re.compile(r"pcm_|mp3|mp2|ac3|aac")  # codecs whose stamps in AVI are right
GAP_S = 0.05  # a waveform that comes this much late follows a gap; less is the rounding of time stamps
GRID = 2.0**31  # samples stand on the grid of 32-bit integers, which keeps them equal from version to version
SCATTERED = 3  # pieces that stand apart: fewer are gaps
LOUDEST = 100.0  # 40 dB over full scale: nobody recorded that, somebody forgot to divide
SCALES = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}  # full scale of FFmpeg's integer formats
PLANES = 8  # as many as FFmpeg keeps pointers to in a frame itself
TOGETHER = 64  # frames whose samples are looked at together
STRIDE = 8  # every how manieth sample is asked whether channels cancel out
CANCELLING = 0.05  # of the power that would be left if the channels had nothing in common
CANCELS = ("its channels cancel out where they are mixed (antiphase), so that next to nothing is left; turn one "
           "over, or take it alone: `ffmpeg -i IN -af 'pan=mono|c0=c0' OUT.wav`")


class DecodedWaveform(NamedTuple):
    """What a window of a file sounds like."""

    waveform: np.ndarray
    """(samples,) float32, mono; full scale is 1, and what a file holds beyond that is kept."""
    cancels: bool
    """Whether the channels are in antiphase, so that mixing them leaves next to nothing."""


def read_waveform(path: str, start_s: float, end_s: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """The waveform of `decode_waveform`; channels that cancel out are said once a file."""
    decoded = decode_waveform(path, start_s, end_s, sample_rate)
    if decoded.cancels:
        warn_once(f"{path}: {CANCELS}.")
    return decoded.waveform


def decode_waveform(path: str, start_s: float, end_s: float, sample_rate: int = SAMPLE_RATE) -> DecodedWaveform:
    """The mono waveform of [start_s, end_s).

    Silence before a late start and where the stream has a gap, short after an early end. Raises MediaError, also for
    samples that are no numbers.
    """
    start, end = round(start_s * sample_rate), round(end_s * sample_rate)
    segments: list[_Segment] = []
    num_frames = 0
    for frame, stamp_s in _frames(path, start_s):
        num_frames += 1
        time_s = stamp_s if stamp_s is not None else segments[-1].due_s if segments else 0.0
        if not _continues(segments, frame, time_s):
            segments.append(_Segment(path, frame, time_s, sample_rate))
        if segments[-1].end >= end:
            break
        segments[-1].add(frame)
    for segment in segments:
        segment.add(None)
    if not segments:
        raise MediaError(path, "its audio stream holds nothing that decodes; make the file again or leave it out")
    if len(segments) > max(SCATTERED, num_frames / 2):
        raise MediaError(path, "the time stamps of its audio do not fit its samples: every piece stands apart; convert "
                               "it, for example `ffmpeg -i IN OUT.wav`")
    waveform = np.zeros(max(0, min(max(segment.end for segment in segments), end) - start), dtype=np.float32)
    for segment in segments:
        segment.write(waveform, start)
    kept, whole = np.sum([segment.levels.powers for segment in segments], axis=0)
    return DecodedWaveform(waveform, bool(kept < CANCELLING * whole))


def _frames(path: str, start_s: float) -> Iterator[tuple[av.AudioFrame, float | None]]:
    """The frames of the audio stream from before `start_s`, and when each is heard; None: right behind the last."""
    facts = probe(path)
    for may_jump in (True, False):
        with opened(path) as container:
            stream, origin_s = audio_stream(container, facts.audio_index), facts.origin_s
            _require_known(path, stream)
            jumps = may_jump and start_s > RUN_UP_S and _may_be_entered(container, stream)
            flow = _decoded(container, stream, start_s + origin_s - RUN_UP_S if jumps else None)
            number = -1
            for number, frame in enumerate(iterate(flow, path)):
                if jumps and number == 0 and frame.pts is None:
                    break  # where the jump led to is not known: from the start then
                stamp = None if number > 0 and _counts_blocks(container, stream) else frame.pts
                yield frame, None if stamp is None else float(stamp * tick(frame)) - origin_s
            else:
                if number >= 0 or not jumps:
                    return


def _decoded(container: av.container.InputContainer, stream: av.AudioStream,
             at_s: float | None) -> Iterator[av.AudioFrame]:
    """The frames from before `at_s` on, or all; none where the container leads nowhere (RealMedia without an index)."""
    if at_s is not None:
        try:
            container.seek(round(at_s / tick(stream)), stream=stream)
        except av.FFmpegError:
            return
    yield from container.decode(stream)


def _require_known(path: str, stream: av.AudioStream) -> None:
    """Raise MediaError for G.722 whose header says something else: FFmpeg would decode noise, or at another speed."""
    codec = stream.codec_context
    if codec.name == "g726" and codec.codec_tag == G722_BY_MICROSOFT:
        raise MediaError(path, "is G.722 under a number that FFmpeg takes for G.726; convert it, for example `ffmpeg "
                               "-c:a g722 -i IN OUT.wav`")
    if codec.name == "g722" and stream.rate != SAMPLE_RATE:
        raise MediaError(path, f"is G.722, which has {SAMPLE_RATE} samples a second, and its header says "
                               f"{stream.rate}; convert it, for example `ffmpeg -i IN -af asetrate={SAMPLE_RATE} "
                               f"OUT.wav`")


def _may_be_entered(container: av.container.InputContainer, stream: av.AudioStream) -> bool:
    """Whether decoding from the middle gives what decoding from the start does.

    MPEG program streams are cut inside frames of audio, so that the first one does not decode. Codecs that write
    differences remember for long, and FFmpeg guesses where their blocks begin in WAV: seen 0.4 s off.
    """
    return (container.format.name != "mpeg" and REMEMBERING.match(stream.codec_context.name) is None
            and not _counts_blocks(container, stream))


def _counts_blocks(container: av.container.InputContainer, stream: av.AudioStream) -> bool:
    """Whether stamps are counts of blocks, as AVI has them, of which FFmpeg knows the length for some codecs alone."""
    return container.format.name == "avi" and AVI_TIMED.match(stream.codec_context.name) is None


class _Segment:
    """A waveform without a gap, which begins with a frame that is heard at `time_s`; sample 0 is heard at 0 s."""

    def __init__(self, path: str, frame: av.AudioFrame, time_s: float, sample_rate: int) -> None:
        self.kind = _kind(frame)
        self.due_s = time_s
        self.first = self.end = round(time_s * sample_rate)
        self.pieces: list[np.ndarray] = []
        self.packer = _packer(frame) if frame.format.is_planar and frame.layout.nb_channels >= PLANES else None
        kind = frame.format.name if self.packer is None else _sample_kind(frame)
        self.mixer, self.levels = _Mixer(frame, kind, sample_rate), _Levels(path, time_s, frame)

    def add(self, frame: av.AudioFrame | None) -> None:
        """The next frame; None for what the resampler still holds."""
        if frame is not None and self.packer is not None:
            self.packer.push(frame)
            frame = cast("av.AudioFrame | None", self.packer.pull())
        self.levels.add(frame)
        for piece in self.mixer.mix(frame):
            self.pieces.append(piece)
            self.end += len(piece)
        if frame is not None:
            self.due_s += frame.samples / frame.sample_rate

    def write(self, waveform: np.ndarray, start: int) -> None:
        """Put what is heard where it belongs in a `waveform` whose first sample is number `start`."""
        if not self.pieces:
            return
        decoded = np.concatenate(self.pieces)[max(0, start - self.first):]
        place = max(0, self.first - start)
        decoded = decoded[:max(0, len(waveform) - place)]
        waveform[place:place + len(decoded)] = decoded


class _Levels:
    """What is asked of the samples as they were decoded: are they numbers, and do their channels cancel out."""

    def __init__(self, path: str, time_s: float, frame: av.AudioFrame) -> None:
        self.path, self.time_s, self.rate, self.kind = path, time_s, frame.sample_rate, _sample_kind(frame)
        self.asks = self.kind not in SCALES or frame.layout.nb_channels > 1
        self.waiting: list[np.ndarray] = []
        self.powers = np.zeros(2)
        """Sums of squares: of the channels' mean, and what it would be if they had nothing in common."""

    def add(self, frame: av.AudioFrame | None) -> None:
        """The next frame, or None after the last; raises MediaError, with the moment, for what is no sample."""
        if frame is not None and self.asks:
            self.waiting.append(_by_channel(frame))
        if self.waiting and (frame is None or len(self.waiting) == TOGETHER):
            values = np.concatenate(self.waiting, axis=1)
            self.waiting.clear()
            if self.kind not in SCALES:
                self._require_numbers(values)
            if len(values) > 1:
                few = _scaled(values[:, ::STRIDE], self.kind)
                self.powers += (few.mean(axis=0) ** 2).sum(), (few ** 2).mean(axis=0).sum() / len(few)
            self.time_s += values.shape[1] / self.rate

    def _require_numbers(self, values: np.ndarray) -> None:
        if not values.size or max(values.max(), -values.min()) <= LOUDEST:  # false for NaN
            return
        wrong = ~(np.abs(values) <= LOUDEST)
        place = int(wrong.any(axis=0).argmax())
        value = values[:, place][wrong[:, place]][0]
        moment_s = self.time_s + place / self.rate
        if np.isfinite(value):
            raise MediaError(self.path, f"its audio reaches {value:.6g} at {moment_s:.3f} s, where full scale is 1; "
                                        f"divide its samples by the full scale that they were written in")
        raise MediaError(self.path, f"its audio holds a sample that is no number ({value}) at {moment_s:.3f} s; make "
                                    f"the file again or leave it out")


class _Mixer:
    """Frames of one kind to mono pieces of one sample rate."""

    def __init__(self, frame: av.AudioFrame, kind: str, sample_rate: int) -> None:
        self.of_integers = kind.rstrip("p") in SCALES
        self.weights = _weights(frame.layout)
        if self.weights is None:
            try:
                self.graph = _graph(kind, frame.layout.name, frame.sample_rate, sample_rate)
                return
            except av.FFmpegError:  # FFmpeg has no weights for these places: a left and a middle one alone, say
                self.weights = np.full(frame.layout.nb_channels, 1 / frame.layout.nb_channels)
        self.graph = _graph("dbl", "mono", frame.sample_rate, sample_rate)

    def mix(self, frame: av.AudioFrame | None) -> Iterator[np.ndarray]:
        """(samples,) float32 pieces that are ready with this frame; None for the last of them."""
        if frame is not None and self.weights is not None:
            values = self.weights @ _scaled(_by_channel(frame), _sample_kind(frame))
            mono = av.AudioFrame.from_ndarray(values[None], format="dbl", layout="mono")
            mono.sample_rate, mono.pts, mono.time_base = frame.sample_rate, frame.pts, frame.time_base
            frame = mono
        self.graph.push(frame)
        while True:
            try:
                piece = np.rint(self.graph.pull().to_ndarray()[0] * GRID) / GRID
            except (av.BlockingIOError, av.EOFError):
                return
            # Integers at full scale ring over it where they are resampled; nothing that was recorded is lost there.
            yield (piece.clip(-1, 1) if self.of_integers else piece).astype(np.float32)


def _weights(layout: av.AudioLayout) -> np.ndarray | None:
    """(channels,) shares of the mix; None where FFmpeg's own are asked for."""
    channels = layout.nb_channels
    if layout.name.startswith("ambisonic"):
        return np.eye(channels)[0]
    if layout.name in ("mono", "1 channels", "2 channels"):
        return None
    if channels > 1 and re.fullmatch(r"\d+ channels", layout.name) is None:  # with places: 5.1, 4 channels (FL+FR+...)
        return None
    return np.full(channels, 1 / channels)


def _graph(kind: str, layout: str, from_rate: int, to_rate: int) -> Graph:
    """FFmpeg's resampler from frames to mono doubles; raises FFmpegError where it cannot mix the layout."""
    # Without the limit on the sum of weights two equal channels would gain 3 dB.
    return _filtered(kind, layout, from_rate, "aresample", f"{to_rate}:ochl=mono:osf=dbl:rematrix_maxval=1")


def _packer(frame: av.AudioFrame) -> Graph:
    """From planar frames to ones whose channels alternate: PyAV 18 reads past the end of eight planes and crashes."""
    return _filtered(frame.format.name, frame.layout.name, frame.sample_rate, "aformat",
                     f"sample_fmts={_sample_kind(frame)}")


def _filtered(kind: str, layout: str, rate: int, name: str, settings: str) -> Graph:
    graph = Graph()
    source = graph.add_abuffer(sample_rate=rate, format=kind, layout=layout, time_base=Fraction(1, rate))
    step, sink = graph.add(name, settings), graph.add("abuffersink")
    source.link_to(step)
    step.link_to(sink)
    graph.configure()
    return graph


def _by_channel(frame: av.AudioFrame) -> np.ndarray:
    """(channels, samples) of a frame, as they were decoded."""
    values = frame.to_ndarray()
    return values if frame.format.is_planar else values.reshape(frame.samples, -1).T


def _sample_kind(frame: av.AudioFrame) -> str:
    """FFmpeg's name of the format of a sample, however samples are laid out."""
    return frame.format.name.rstrip("p")


def _scaled(values: np.ndarray, kind: str) -> np.ndarray:
    """The same as float64, full scale 1."""
    return (values.astype(np.float64) - 128.0 * (kind == "u8")) / SCALES.get(kind, 1.0)


def _continues(segments: list[_Segment], frame: av.AudioFrame, time_s: float) -> bool:
    """Whether a frame belongs to the last spell: so behind a clock that starts again, not behind one wrong stamp."""
    if not segments or _kind(frame) != segments[-1].kind or time_s - segments[-1].due_s > GAP_S:
        return False
    back = segments[-1].due_s - time_s > GAP_S
    return not (back and len(segments) > 1 and time_s > segments[-2].due_s - GAP_S)


def _kind(frame: av.AudioFrame) -> tuple[str, str, int]:
    """What a stream may change midway, as broadcasts do."""
    return frame.format.name, frame.layout.name, frame.sample_rate

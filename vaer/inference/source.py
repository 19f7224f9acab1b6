"""Where frames and audio come from: a file, or arrays that a program holds."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from av import VideoFrame

from vaer.data.manifest import NAME as MANIFEST
from vaer.errors import UserError
from vaer.inference.waveform_reader import WaveformReader
from vaer.media import stills
from vaer.media.encode import write_wav
from vaer.media.frames import frames_of, numbered
from vaer.media.media import audio_span
from vaer.media.probe import Probe, opened, probe, undecoded
from vaer.media.shapes import Shape, canvas_of, placed, squared
from vaer.media.streams import video_stream
from vaer.runs.recipe import PREPARED


class Source(Protocol):
    """Frames and audio on one clock."""

    name: str
    facts: Probe

    def frames(self, square: int | None = None) -> Iterator[VideoFrame]:
        """Every frame as a player shows it, in their order; raises MediaError where one does not decode.

        `square`: one that is not shown as it is coded comes as the middle square of this side, as training reads it.
        """
        ...

    def audio(self, longest_s: float) -> WaveformReader | None:
        """The audio, of which no more than `longest_s` is read at once; None where there is none."""
        ...

    def span(self, trim_db: float) -> tuple[float, float] | None:
        """Start and end, seconds, of what is less than `trim_db` under the loudest sound; None without audio."""
        ...


class FileSource:
    """A media file."""

    def __init__(self, path: str) -> None:
        """Raises MediaError where it cannot be read."""
        self.name = path
        self.facts = probe(path)

    def frames(self, square: int | None = None) -> Iterator[VideoFrame]:
        """As `Source.frames`."""
        if stills.is_still(self.name):
            yield stills.frame_of(stills.read_still(self.name))
            return
        facts, count, following = self.facts, len(self.facts.frame_times), 0
        canvas = canvas_of(facts.shapes) if count else (0, 0)
        plain = facts.shapes == (Shape(*canvas),)
        with opened(self.name) as container:
            stream = video_stream(container, facts.video_index)
            flow = frames_of(container, stream, self.name)
            for number, frame, shape in numbered(flow, facts.stamps):
                if number != following:
                    break
                following += 1
                if not plain:
                    shown = squared(frame, shape, square) if square else placed(frame, shape, canvas)
                    frame = VideoFrame.from_ndarray(shown, format="rgb24")
                yield frame
        if following < count:
            raise undecoded(self.name, following, count)

    def audio(self, longest_s: float) -> WaveformReader | None:
        """As `Source.audio`."""
        return WaveformReader(self.name, self.facts, longest_s) if self.facts.has_audio else None

    def span(self, trim_db: float) -> tuple[float, float] | None:
        """As `Source.span`."""
        return audio_span(self.name, trim_db) if self.facts.has_audio else None


class ArraySource:
    """Frames and a waveform in memory; the waveform goes through a file without loss, as all audio does."""

    def __init__(self, frames: np.ndarray | None, waveform: np.ndarray | None, *, frame_times: np.ndarray | None,
                 fps: float | None, sample_rate: int | None) -> None:
        """`frames` (time, height, width, 3) uint8 at `frame_times` or at `fps`; `waveform` (samples,) at `sample_rate`.

        Raises UserError where they are not that.
        """
        self.name = "arrays"
        self.array = _checked(frames)
        times = _times(self.array, frame_times, fps)
        self.wave = None
        if waveform is not None:
            waveform, rate = _checked_waveform(waveform, sample_rate)
            folder = tempfile.mkdtemp(prefix="vaer-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self.wave = str(Path(folder, "sound.wav"))
            write_wav(Path(self.wave), waveform, rate)
        audio_s = 0.0 if self.wave is None else probe(self.wave).duration_s
        step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
        end_s = max(audio_s, times[-1] + step_s if len(times) else 0.0)
        if not end_s > 0:
            raise UserError("frames and waveform: both are absent or empty; give one of them.")
        height, width = self.array.shape[1:3] if len(times) else (0, 0)
        self.facts = Probe(float(end_s), times, width, height, has_audio=self.wave is not None, num_hidden_after=0,
                           seekable=False)

    def frames(self, square: int | None = None) -> Iterator[VideoFrame]:
        """As `Source.frames`."""
        for image in self.array:
            yield VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")

    def audio(self, longest_s: float) -> WaveformReader | None:
        """As `Source.audio`."""
        return None if self.wave is None else WaveformReader(self.wave, probe(self.wave), longest_s)

    def span(self, trim_db: float) -> tuple[float, float] | None:
        """As `Source.span`."""
        return None if self.wave is None else audio_span(self.wave, trim_db)


def is_prepared(path: str) -> bool:
    """Whether a file lies in a folder that `vaer prepare` filled: its faces are cropped already."""
    folders = Path(os.path.abspath(path)).parents
    return any((folder / PREPARED).is_file() and (folder / MANIFEST).is_file() for folder in folders)


def _checked(frames: np.ndarray | None) -> np.ndarray:
    if frames is None:
        return np.zeros((0, 2, 2, 3), dtype=np.uint8)
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
        raise UserError(f"frames: have the shape {frames.shape} and the type {frames.dtype}; give (time, height, "
                        f"width, 3) of uint8, RGB.")
    return frames


def _times(frames: np.ndarray, frame_times: np.ndarray | None, fps: float | None) -> np.ndarray:
    if not len(frames):
        return np.zeros(0)
    if (frame_times is None) == (fps is None):
        raise UserError("frames: want either frame_times, seconds, or fps; give one of the two.")
    if fps is not None:
        if not fps > 0:
            raise UserError(f"fps: is {fps}; it must be more than 0.")
        return np.arange(len(frames)) / fps
    times = np.asarray(frame_times, dtype=np.float64)
    if times.shape != (len(frames),) or (np.diff(times) <= 0).any() or not (times >= 0).all():
        raise UserError(f"frame_times: want {len(frames)} ascending seconds from 0 on, one a frame.")
    return times


def _checked_waveform(waveform: np.ndarray, sample_rate: int | None) -> tuple[np.ndarray, int]:
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or waveform.dtype.kind != "f" or not np.isfinite(waveform).all() or not len(waveform):
        raise UserError(f"waveform: has the shape {waveform.shape} and the type {waveform.dtype}; give (samples,) of "
                        f"finite floats, full scale 1.")
    if sample_rate is None or sample_rate < 1:
        raise UserError(f"sample_rate: is {sample_rate}; give Hz of the waveform.")
    return waveform, sample_rate

"""One shot as its frames come: which windows of it are asked about, and what they show."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast

import av
import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from vaer.inference.plan import Plan, ShotWindows
from vaer.media.encode import write_mp4
from vaer.media.media import nearest
from vaer.prepare.clip import crop
from vaer.prepare.faces import Face
from vaer.prepare.settings import PrepareConfig
from vaer.prepare.track import LASTING, Chain, Linker, filled, smooth
from vaer.records import Window

AROUND_S = 2.0  # seconds before and after a window from which a track is smoothed: two deviations of its slower part
HELD_SIDE = 720
"""Frames whose shorter side is longer are held smaller: the faces in them are larger than any network wants."""


class ShotFrame(NamedTuple):
    """A frame of a shot with the faces in it."""

    time_s: float
    held: NDArray | VideoFrame
    """(size, size, 3) uint8 for a network of whole scenes; else the frame."""
    faces: list[Face]


class TrackFrames(NamedTuple):
    """What a window shows of one face, or of the whole scene."""

    track: str
    frames: np.ndarray
    """(time, size, size, 3) uint8."""
    frame_times: np.ndarray
    """(time,) seconds from the start of the window."""
    detected: float | None = None
    """Share of the frames in which the face was found."""
    confidence: float | None = None
    side: int | None = None
    """Pixels of the file that the square with its margin is wide, on the average."""


class Shot:
    """The frames of a shot that may still be asked for; scenes are taken whole, of faces each is a track."""

    def __init__(self, number: int, start_s: float, plan: Plan, *, rate: float, preparation: dict | None,
                 size: tuple[int, int], faces_before: int) -> None:
        """`rate` is frames a second, `size` width and height of the upright frames of the file."""
        self.number, self.start_s, self.plan = number, start_s, plan
        self.preparation, self.size, self.rate = preparation, size, rate
        self.windows = ShotWindows(plan, start_s, AROUND_S if preparation is not None else 0.0)
        self.linker = Linker(rate)
        self.first = 0
        """Number, from the start of the shot, of the first frame that is held."""
        self.times: list[float] = []
        self.held: list[NDArray | VideoFrame] = []
        self.num_faces = faces_before

    def add(self, shown: ShotFrame) -> Iterator[tuple[Window, list[TrackFrames]]]:
        """The next frame; the windows that are known now, with what they show."""
        self.times.append(shown.time_s)
        self.held.append(shown.held)
        if self.preparation is not None:
            self.linker.add(shown.faces)
        for window in self.windows.due(shown.time_s):
            yield window, self._tracks(window)
            self._forget()

    def finish(self, end_s: float,
               span: tuple[float, float] | None = None) -> Iterator[tuple[Window, list[TrackFrames]]]:
        """The other windows of the shot, which ends at `end_s`; `span` as in `ShotWindows.last`."""
        for window in self.windows.last(end_s, span):
            yield window, self._tracks(window)

    def _forget(self) -> None:
        """Let go of frames that no window wants any more; the last one may reach back a whole length."""
        keep_s = min(self.windows.next_s, self.times[-1] - self.plan.window_s) - AROUND_S
        count = int(np.searchsorted(self.times, keep_s))
        self.first += count
        del self.times[:count], self.held[:count]
        self.linker.forget_before(self.first)

    def _tracks(self, window: Window) -> list[TrackFrames]:
        times = np.asarray(self.times)
        chosen = nearest(times, window.times)
        shown_s = times[chosen] - window.start_s
        preparation = self.preparation
        if preparation is None:
            return [TrackFrames("scene", np.stack([self.held[number] for number in chosen]), shown_s)]
        inside = np.flatnonzero((times >= window.start_s) & (times < window.end_s))
        inside = inside if len(inside) else np.unique(chosen)
        around = np.flatnonzero((times >= window.start_s - AROUND_S) & (times <= window.end_s + AROUND_S)
                                ) if self.windows.is_long else np.arange(len(times))
        tracks = []
        for chain in self.linker.chains:
            found = [number for number in inside.tolist() if number + self.first in chain.faces]
            if found and len(found) >= LASTING * len(inside):
                if chain.name is None:
                    self.num_faces += 1
                    chain.name = f"face {self.num_faces}"
                tracks.append(self._face(chain, preparation, around, inside, chosen, shown_s, found))
        return sorted(tracks, key=lambda one: int(one.track.split()[1]))

    def _face(self, chain: Chain, preparation: dict, around: np.ndarray, inside: np.ndarray, chosen: np.ndarray,
              shown_s: np.ndarray, found: list[int]) -> TrackFrames:
        before = int(around[0])
        boxes = {number - before: chain.faces[number + self.first] for number in around.tolist()
                 if number + self.first in chain.faces}
        track = smooth(filled(boxes, len(around)), self.rate)
        grown = 1 + 2 * preparation["margin"]
        places = [min(max(number - before, 0), len(around) - 1) for number in chosen.tolist()]
        widths = [min(float(side) * grown, *self.size) for side in track.sides]
        side = min(preparation["size"], *self.size, float(track.sides.max()) * grown)
        side = max(2, round(side / 2) * 2)  # even, and no larger than what was filmed, as preparation has it
        # A clip is compressed from its first frame on; of a longer shot each window is, whatever came before it.
        shown = range(min([*places, int(inside[0]) - before]), max([*places, int(inside[-1]) - before]) + 1
                      ) if self.windows.is_long else range(len(around))
        squares = (self._square(place + before, track.centres[place], widths[place], side) for place in shown)
        frames = as_prepared(squares, np.asarray(self.times)[before:][list(shown)], side, self.plan.clip.size,
                             {place - shown[0] for place in places}, preparation)
        confidence = float(np.mean([chain.faces[number + self.first].confidence for number in found]))
        return TrackFrames(str(chain.name), np.stack([frames[place - shown[0]] for place in places]), shown_s,
                           len(found) / len(inside), confidence,
                           round(float(np.mean([widths[place] for place in places]))))

    def _square(self, number: int, centre: np.ndarray, width: float, side: int) -> np.ndarray:
        """(side, side, 3): the face in a frame that is held, with its margin."""
        image = rgb(cast("VideoFrame", self.held[number]))
        scale = image.shape[1] / self.size[0]
        return crop(image, centre.clip(width / 2, np.array(self.size) - width / 2) * scale, width * scale, side)


def as_prepared(squares: Iterable[np.ndarray], times: np.ndarray, side: int, size: int, wanted: Collection[int],
                preparation: dict) -> dict[int, np.ndarray]:
    """The `wanted` ones of (side, side, 3) squares, by number, as (size, size, 3), from a clip as of preparation.

    Networks learned from compressed faces, whose colours have half the resolution: without that, a network that
    hesitates between two classes may choose the other.
    """
    usual = PrepareConfig()
    with TemporaryDirectory(prefix="vaer-") as folder:
        path = Path(folder) / "faces.mp4"
        write_mp4(path, squares, times - times[0], None, (side, side),
                  quality=preparation.get("quality", usual.quality), gop=preparation.get("gop", usual.gop))
        with av.open(str(path)) as clip:
            return {number: frame.to_ndarray(format="rgb24", width=size, height=size)
                    for number, frame in enumerate(clip.decode(video=0)) if number in wanted}


def rgb(frame: VideoFrame) -> np.ndarray:
    """(height, width, 3) uint8 of a frame; sources give them upright."""
    return frame.to_ndarray(format="rgb24")

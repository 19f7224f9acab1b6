"""From the faces of every frame to square crops that follow one head without trembling."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from vaer.prepare.faces import Face

NEAR = 0.5  # sides that a face may move from one frame to the next
FAR = 1.0  # ... and after a second out of sight
SIMILAR = 1.6  # largest ratio of two sides of the same face
LASTING = 0.25  # of the frames: what is found in fewer is chance, or somebody passing by
MEDIAN_S = 0.3  # outliers up to half as long leave no trace
# The crop follows what the head does slower than about 0.7 Hz (half the amplitude of sway at 0.9 Hz): nods and jerks
# stay visible as movement in the crop, the jitter of the detector does not become movement of the frame.
CENTRE_SIGMA_S = 0.2
SIDE_SIGMA_S = 1.0  # a scale that trembles is worse than one that lags


class Track(NamedTuple):
    """One face through a clip, in pixels of the frame; the square has no margin yet."""

    centres: np.ndarray
    """(frames, 2) x and y of the middle of the square; straight lines over gaps, held before and after."""
    sides: np.ndarray
    """(frames,) side of the square."""
    detected: np.ndarray
    """(frames,) bool: found in that frame, not interpolated."""
    confidence: float
    """Mean confidence of what was found, on the scale of `Face.confidence`."""


def find_tracks(detections: list[list[Face]], rate: float = 30.0) -> list[Track]:
    """The smoothed tracks of the faces that last, the longest and largest first; no face: an empty list.

    `detections` holds the faces of every frame in turn, `rate` is frames a second. More than one track: several faces.
    """
    return [smooth(track, rate) for track in link(detections, rate)]


def link(detections: list[list[Face]], rate: float = 30.0) -> list[Track]:
    """As `find_tracks`, without smoothing: boxes as found, gaps filled."""
    linker = Linker(rate)
    for faces in detections:
        linker.add(faces)
    lasting = [chain.faces for chain in linker.chains if len(chain.faces) >= LASTING * len(detections)]
    lasting.sort(key=lambda track: sum(map(_side, track.values())), reverse=True)
    return [filled(track, len(detections)) for track in lasting]


class Chain:
    """The boxes of one face, by the number of the frame."""

    def __init__(self, frame: int, face: Face) -> None:
        self.faces = {frame: face}
        self.first = self.last = frame
        self.seen = 1
        """Frames in which it was found, those among them that were forgotten."""
        self.name: str | None = None
        """What whoever follows it calls it."""

    def add(self, frame: int, face: Face) -> None:
        """The face of a later frame."""
        self.faces[frame], self.last, self.seen = face, frame, self.seen + 1


class Linker:
    """Takes the faces of one frame after the other and says which belong together.

    A face continues the chain that ended near it, at a similar size; longer chains choose first. A chain is given up
    once it was out of sight for as long as it was seen, at least a second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.alive: list[Chain] = []
        self.ended: list[Chain] = []
        self.num_frames = 0

    @property
    def chains(self) -> list[Chain]:
        """All that are known: first those that ended."""
        return self.ended + self.alive

    def add(self, faces: list[Face]) -> None:
        """The faces of the next frame."""
        frame, free = self.num_frames, list(faces)
        self.num_frames += 1
        for chain in sorted(self.alive, key=lambda chain: chain.seen, reverse=True):
            missed_s = (frame - chain.last - 1) / self.rate
            if missed_s > max(1.0, chain.seen / self.rate):
                self.alive.remove(chain)
                self.ended.append(chain)
            elif (face := _continuation(chain.faces[chain.last], free, missed_s)) is not None:
                chain.add(frame, face)
                free.remove(face)
        self.alive += [Chain(frame, face) for face in free]

    def forget_before(self, frame: int) -> None:
        """Let go of boxes before a frame, but the last of each chain that may go on."""
        self.ended = [chain for chain in self.ended if chain.last >= frame]
        for chain in self.chains:
            chain.faces = {number: face for number, face in chain.faces.items()
                           if number >= frame or number == chain.last}


def smooth(track: Track, rate: float) -> Track:
    """The track without outliers (median) and jitter (Gaussian); the side more strongly than the centre."""
    return track._replace(centres=_smoothed(track.centres, CENTRE_SIGMA_S * rate, MEDIAN_S * rate),
                          sides=_smoothed(track.sides[:, None], SIDE_SIGMA_S * rate, MEDIAN_S * rate)[:, 0])


def jitter(track: Track) -> float:
    """How much the crop trembles: the RMS of the second difference of its edges from frame to frame, in sides.

    Steady movement and steady zoom count as 0; so do tracks of fewer than three frames.
    """
    half = track.sides[:, None] / 2
    edges = np.concatenate([track.centres - half, track.centres + half], axis=1)  # (frames, 4)
    bends = np.diff(edges, n=2, axis=0)
    return float(np.sqrt((bends ** 2).mean()) / track.sides.mean()) if len(bends) else 0.0


def _continuation(last: Face, faces: list[Face], missed_s: float) -> Face | None:
    """The nearest of the faces that can be the same as the last one."""
    reach = _side(last) * (NEAR + (FAR - NEAR) * min(missed_s, 1.0))
    fitting = [(distance, face) for face in faces if (distance := float(np.hypot(*(_centre(face) - _centre(last)))))
               <= reach and 1 / SIMILAR <= _side(face) / _side(last) <= SIMILAR]
    return min(fitting)[1] if fitting else None


def _centre(face: Face) -> np.ndarray:
    return np.array([face.left + face.right, face.top + face.bottom]) / 2


def _side(face: Face) -> float:
    return max(face.right - face.left, face.bottom - face.top)


def filled(found: dict[int, Face], frames: int) -> Track:
    """The faces of some frames as a track through all of them."""
    numbers = list(found)
    squares = np.array([(*_centre(face), _side(face)) for face in found.values()])
    filled = np.stack([np.interp(np.arange(frames), numbers, column) for column in squares.T], axis=1)
    return Track(filled[:, :2], filled[:, 2], np.isin(np.arange(frames), numbers),
                 float(np.mean([face.confidence for face in found.values()])))


def _smoothed(values: np.ndarray, sigma: float, window: float) -> np.ndarray:
    """(frames, columns) through a median over `window` frames (an odd number) and a Gaussian, along the frames."""
    steady = median_filter(values, size=(2 * round(window / 2) + 1, 1), mode="nearest")
    return gaussian_filter1d(steady, sigma, axis=0, mode="nearest")

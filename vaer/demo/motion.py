"""What a face does whatever it expresses: it sways, blinks and speaks."""

from typing import NamedTuple

import numpy as np

from vaer.demo.canvas import Pose
from vaer.demo.face import UNITS

FPS = 25  # of every drawn film
CLOSE_UP = 1.3  # faces fill the frame, as they do after cropping


class Motion(NamedTuple):
    """What a face does whatever it expresses: units of mouth and lids (frames, units), and a pose a frame."""

    units: np.ndarray
    poses: list[Pose]

    @classmethod
    def make(cls, rng: np.random.Generator, times_s: np.ndarray, opening: np.ndarray) -> "Motion":
        """Sway and blinks of a take, and a mouth that opens by `opening` (frames,), 0 to 5."""
        units = np.zeros((len(times_s), len(UNITS)))
        units[:, UNITS.index("AU25")], units[:, UNITS.index("AU26")] = opening, 0.6 * opening
        units[:, UNITS.index("AU45")] = 5 * lids(times_s, rng.uniform(0.2, 1.0) + np.arange(2) * rng.uniform(1.1, 1.8))
        return cls(units, sway(rng, times_s))


def lids(times_s: np.ndarray, blinks_s: np.ndarray) -> np.ndarray:
    """(frames,) how far the lids are shut, 0 to 1, with a blink around each of `blinks_s`."""
    return np.maximum(1 - np.abs(times_s[:, None] - blinks_s) / 0.14, 0).max(axis=1)


def sway(rng: np.random.Generator, times_s: np.ndarray) -> list[Pose]:
    """A pose a frame of a head that is never quite still."""
    parts = [sum(rng.uniform(-0.5, 0.5) * np.sin(2 * np.pi * (rng.uniform(0.15, 0.7) * times_s + rng.uniform()))
                 for _ in range(3)) + rng.uniform(-0.4, 0.4) for _ in range(4)]
    return [Pose(0.05 * x, 0.04 * y, 0.08 * roll, CLOSE_UP + 0.04 * scale)
            for x, y, roll, scale in zip(*(part.tolist() for part in parts), strict=True)]


def ease(share: np.ndarray) -> np.ndarray:
    """A smooth way from 0 to 1 as `share` goes from 0 to 1."""
    share = share.clip(0, 1)
    return share * share * (3 - 2 * share)

"""Where one shot of a film ends and the next begins, told as its frames come."""

import av
import numpy as np

THUMBNAIL = (48, 27)  # pixels: width, height
# Of levels, 0 to 255, over a thumbnail. From one frame to the next of one shot 13 untouched films of talking people had
# at most 10.3, seven takes of one actor 2.9; the takes joined by cuts had 7.0 to 21.7, other scenes 80 and more.
LARGE, SMALL = 25.0, 5.0
TIMES = 3.0  # a small change is a cut where it is this many times the changes around it
BEFORE, AFTER = 8, 4  # frames around it
DELAY = 2 * AFTER
"""Frames that must be known after one before it is told whether it begins a shot."""


def thumbnail(frame: av.VideoFrame) -> np.ndarray:
    """(27, 48, 3) int16 of a frame, every pixel the mean over what it covers."""
    small = frame.reformat(width=THUMBNAIL[0], height=THUMBNAIL[1], format="rgb24", interpolation="AREA")
    return small.to_ndarray().astype(np.int16)


class ShotChanges:
    """Takes thumbnails in turn and tells, `DELAY` frames late, which of them begin a shot.

    The first frame does. A shot has at least five frames: a flash, or frames that fade over, belong to the shot
    before it.
    """

    def __init__(self) -> None:
        self.changes: dict[int, float] = {}
        self.previous: np.ndarray | None = None
        self.num_frames = 0
        self.decided = 0
        self.began = 0

    def add(self, thumb: np.ndarray) -> list[bool]:
        """The next frame; the answers, in turn, that are known now: one or none."""
        if self.previous is not None:
            self.changes[self.num_frames] = float(np.abs(thumb - self.previous).mean())
        self.previous = thumb
        self.num_frames += 1
        return [self._decide(self.num_frames)] if self.num_frames - self.decided > DELAY else []

    def finish(self) -> list[bool]:
        """The answers that were still due."""
        return [self._decide(self.num_frames) for _ in range(self.num_frames - self.decided)]

    def _decide(self, known: int) -> bool:
        number = self.decided
        self.decided += 1
        self.changes.pop(number - BEFORE - 1, None)
        later = range(number + 1, min(known, number + AFTER + 1))
        begins = number == 0 or (len(later) == AFTER and self._is_candidate(number, known)
                                 and not any(self._is_candidate(other, known) for other in later))
        if begins:
            self.began = number
        return begins

    def _is_candidate(self, number: int, known: int) -> bool:
        change = self.changes.get(number, 0.0)
        if change > LARGE:
            return True
        first = max(self.began + 1, number - BEFORE)
        around = [self.changes.get(other, 0.0) for other in
                  (*range(first, number), *range(number + 1, min(known, number + AFTER + 1)))]
        return change > SMALL and change > TIMES * max(around, default=0.0)

import numpy as np
import pytest
from av import VideoFrame

from vaer.prepare.shots import ShotChanges, thumbnail


def begins(levels):
    """The numbers of the frames that begin a shot, of grey frames of these levels."""
    changes, found = ShotChanges(), []
    for level in levels:
        found += changes.add(np.full((27, 48, 3), level, dtype=np.int16))
    found += changes.finish()
    assert len(found) == len(levels)
    return [number for number, begins_one in enumerate(found) if begins_one]


@pytest.mark.parametrize(("levels", "numbers"), [
    ([50] * 20, [0]), ([50], [0]), ([], []),
    ([50] * 20 + [200] * 20, [0, 20]),
    ([50] * 20 + [57] * 20, [0, 20]),  # seven levels where nothing else changes
    ([50] * 20 + [54] * 20, [0]),  # four: a light that flickers
    ([50 + 7 * number for number in range(20)], [0]),  # seven levels a frame: everything moves
    ([50] * 20 + [250] + [50] * 20, [0, 21]),  # a flash belongs to the shot before it
    ([50] * 20 + [200] * 3, [0]),  # too short for a shot
    ([50] * 3 + [200] * 20, [0, 3]),
    ([50] * 20 + [200] * 6 + [50] * 20, [0, 20, 26])])
def test_cuts_are_found_and_nothing_else(levels, numbers):
    assert begins(levels) == numbers


def test_answers_do_not_wait_for_the_end():
    changes = ShotChanges()
    known = [len(changes.add(np.zeros((27, 48, 3), dtype=np.int16))) for _ in range(100)]
    assert sum(known) == 92  # all but the last eight
    assert len(changes.changes) < 20


def test_a_thumbnail_is_the_mean_of_what_it_covers():
    picture = np.zeros((54, 96, 3), dtype=np.uint8)
    picture[::2] = 200
    assert np.abs(thumbnail(VideoFrame.from_ndarray(picture, format="rgb24")) - 100).max() <= 2

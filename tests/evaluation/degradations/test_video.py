import numpy as np
import pytest

from vaer.evaluation.degradations import video
from vaer.evaluation.degradations.degraded import ON_FRAMES
from vaer.evaluation.degradations.kinds import KINDS

FRAMES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).repeat(4, 1).repeat(4, 2).astype(np.uint8)


def changed(kind, strength, frames=FRAMES):
    before = frames.copy()
    made = ON_FRAMES[kind](frames, strength, np.random.default_rng(1))
    np.testing.assert_array_equal(frames, before)  # what is cached elsewhere stays
    return made


@pytest.mark.parametrize("kind", sorted(ON_FRAMES))
def test_frames_become_worse_step_by_step(kind):
    distances = []
    for strength in KINDS[kind].strengths:
        made = changed(kind, strength)
        assert (made.shape, made.dtype) == (FRAMES.shape, np.uint8)
        np.testing.assert_array_equal(made, changed(kind, strength))
        distances.append(np.abs(made.astype(float) - FRAMES).mean())
    assert distances[0] > 0
    assert distances == sorted(distances)
    assert distances[-1] > 1.5 * distances[0]


@pytest.mark.parametrize("kind", sorted(ON_FRAMES))
def test_one_frame_of_one_pixel_is_borne(kind):
    assert changed(kind, KINDS[kind].strengths[-1], np.full((1, 1, 1, 3), 200, np.uint8)).shape == (1, 1, 1, 3)


@pytest.mark.parametrize("percent", [10.0, 25.0, 100.0])
def test_a_square_covers_its_share_of_every_frame(percent):
    made = video.occlude(np.zeros((2, 100, 100, 3), np.uint8), percent, np.random.default_rng(3))
    covered = (made == video.GREY).all(axis=3)
    assert covered.mean(axis=(1, 2)) == pytest.approx(percent / 100, abs=0.01)
    np.testing.assert_array_equal(covered[0], covered[1])


def test_a_larger_square_covers_the_smaller_ones():
    black = np.zeros((1, 50, 50, 3), np.uint8)
    small, large = (video.occlude(black, percent, np.random.default_rng(3)) > 0 for percent in (20.0, 40.0))
    assert (large >= small).all()


def test_a_stop_halves_the_light():
    # Level 128 is (128 / 255)^2.2 = 0.2195 of the light; three stops less is 0.0274, which is level 49.7.
    made = video.darken(np.full((4, 64, 64, 3), 128, np.uint8), 3.0, np.random.default_rng(0))
    assert made.mean() == pytest.approx(49.7, abs=1.0)
    assert made.std() > 1


def test_a_dropped_frame_shows_the_one_before():
    frames = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    made = video.drop(frames, 50.0, np.random.default_rng(0))[:, 0, 0, 0]
    assert made[0] == 0
    assert (np.diff(made.astype(int)) >= 0).all()
    assert set(np.flatnonzero(np.diff(made)) + 1) == set(made[1:]) - {0}  # each shown one at its own place first
    assert 8 < len(set(made)) < 32
    assert set(video.drop(frames, 100.0, np.random.default_rng(0)).ravel()) == {0}

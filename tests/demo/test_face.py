import inspect

import numpy as np
import pytest

from vaer.demo.canvas import Pose
from vaer.demo.face import STYLES, UNITS, draw, make_identity


def units(**intensities):
    return np.array([intensities.get(name, 0.0) for name in UNITS])


def change(who, one, other, size=96):
    return np.abs(draw(who, one, size=size).astype(int) - draw(who, other, size=size)).sum()


def test_seventeen_units_in_the_order_of_openface():
    assert len(UNITS) == 17
    assert list(UNITS) == sorted(UNITS)


@pytest.mark.parametrize("size", [48, 96, 128])
def test_a_picture_is_square_and_coloured(size):
    picture = draw(make_identity(1), units(), size=size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 20


@pytest.mark.parametrize("speaker", range(1, 9))  # all styles of hair, with and without glasses and beards
@pytest.mark.parametrize("name", UNITS)
def test_every_unit_is_seen_from_little_to_much(name, speaker):
    who = make_identity(speaker)
    changes = [change(who, units(), units(**{name: level})) for level in (0, 1, 2, 4, 5)]
    assert all(np.diff(changes) > 0)
    assert changes[1] > 96 * 96 * 3 / 20  # a weak one: over a grey level on every twentieth value


@pytest.mark.parametrize("name", UNITS)
def test_every_unit_is_seen_in_a_small_picture(name):
    changes = [change(make_identity(2), units(), units(**{name: level}), size=48) for level in (0, 2, 4)]
    assert all(np.diff(changes) > 0)


def test_units_differ_from_one_another():
    pictures = [draw(make_identity(3), units(**{name: 4})).astype(int) for name in UNITS]
    for i, one in enumerate(pictures):
        assert all(np.abs(one - other).sum() > 2000 for other in pictures[:i])


def test_speakers_differ_and_stay_the_same():
    faces = [draw(make_identity(speaker), units()).astype(int) for speaker in range(1, 25)]
    for i, one in enumerate(faces):
        assert all(np.abs(one - other).mean() > 8 for other in faces[:i])
    assert (draw(make_identity(5), units()) == faces[4]).all()
    assert make_identity(5) != make_identity(5, seed=1)
    assert {make_identity(speaker).style for speaker in range(1, 25)} == set(STYLES)


def test_the_drawing_knows_units_and_no_emotions():
    assert list(inspect.signature(draw).parameters) == ["identity", "units_row", "pose", "size"]


def test_intensities_end_at_0_and_5():
    who = make_identity(1)
    assert change(who, units(AU12=5), units(AU12=9)) == 0
    assert change(who, units(), units(AU12=-1)) == 0
    with pytest.raises(ValueError, match="argument"):
        draw(who, np.zeros(16))


@pytest.mark.parametrize("pose", [Pose(x=0.1), Pose(y=-0.1), Pose(roll=0.2), Pose(scale=1.1)])
def test_the_head_moves_and_the_corner_of_the_wall_stays(pose):
    who = make_identity(6)
    moved, still = draw(who, units(), pose), draw(who, units())
    assert np.abs(moved.astype(int) - still).sum() > 10_000
    assert (moved[:8, :8] == still[:8, :8]).all()


def test_a_shift_moves_every_pixel_of_the_face_alike():
    who = make_identity(6)._replace(walls=((200.0,) * 3,) * 2)  # one colour, so that the wall may move as well
    step = 2 * 1.08 / 96 * 3  # three of the 96 pixels that span 2 * 1.08
    moved = draw(who, units(AU12=3), Pose(x=step)).astype(int)
    assert np.abs(moved[:, 3:] - draw(who, units(AU12=3))[:, :-3]).max() <= 1


def test_far_outside_leaves_the_wall():
    who = make_identity(6)
    assert draw(who, units(), Pose(x=9.0)).shape == (96, 96, 3)

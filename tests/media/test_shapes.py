from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from vaer.media import shapes
from vaer.media.shapes import UPRIGHT, Orientation, Shape


def owner(ratio=None, **tags):
    """What a stream says of itself."""
    return SimpleNamespace(sample_aspect_ratio=ratio, metadata=tags)


@pytest.mark.parametrize(("ratio", "aspect"), [
    (None, 1.0), (Fraction(0, 1), 1.0), (Fraction(64, 45), 64 / 45), (Fraction(8, 9), 8 / 9),
    (Fraction(640, 639), 1.0), (Fraction(1, 900), 1.0), (Fraction(900, 1), 1.0)])
def test_pixels_are_square_unless_it_makes_sense_that_they_are_not(ratio, aspect):
    assert shapes.aspect_of(owner(ratio)) == aspect


@pytest.mark.parametrize(("degrees", "turned"), [
    ("0", UPRIGHT), ("90", Orientation(True, True, False)), ("180", Orientation(False, True, True)),
    ("270", Orientation(True, False, True)), ("-90", Orientation(True, False, True)), ("inf", UPRIGHT),
    ("up", UPRIGHT)])
def test_the_tag_of_old_writers_turns_clockwise(degrees, turned):
    frame = av.VideoFrame(4, 2, "rgb24")
    assert shapes.orientation_of(frame, owner(ROTATE=degrees)) == turned


def test_upright_exchanges_rows_and_columns_first():
    picture = np.array([[1, 2, 3], [4, 5, 6]])[..., None]
    assert shapes.upright(picture, Orientation(True, False, False))[..., 0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert shapes.upright(picture, Orientation(True, True, False))[..., 0].tolist() == [[4, 1], [5, 2], [6, 3]]
    assert shapes.upright(picture, Orientation(False, False, True))[..., 0].tolist() == [[4, 5, 6], [1, 2, 3]]
    for turns, turned in enumerate((UPRIGHT, Orientation(True, False, True), Orientation(False, True, True),
                                    Orientation(True, True, False))):
        np.testing.assert_array_equal(shapes.upright(picture, turned), np.rot90(picture, turns))


def test_sizes_are_those_of_square_pixels():
    wide = Shape(720, 576, 64 / 45)
    assert wide.true_size() == (1024, 576)
    assert wide.covering(288) == (512, 288)
    assert Shape(720, 480, 8 / 9).true_size() == (720, 540)  # the height is stretched, no column is lost
    assert Shape(720, 576, 64 / 45, Orientation(True, False, False)).true_size() == (576, 1024)
    assert Shape(1280, 720).covering(224) == (398, 224)  # 398.2


def test_a_canvas_has_room_for_every_shape():
    small, large, upright = Shape(320, 180), Shape(640, 360), Shape(180, 320)
    assert shapes.canvas_of([small]) == (320, 180)
    assert shapes.canvas_of([small, large]) == (640, 360)
    assert shapes.canvas_of([large, upright]) == (640, 640)
    assert shapes.canvas_of([Shape(320, 240, 4 / 3), large]) == (640, 360)


def test_a_frame_is_placed_in_the_middle_of_the_canvas():
    frame = av.VideoFrame.from_ndarray(np.full((8, 4, 3), 255, np.uint8), format="rgb24")
    placed = shapes.placed(frame, Shape(4, 8), (16, 16))  # 8 x 16 of the 16 columns
    assert placed.shape == (16, 16, 3)
    assert placed[..., 0].min(axis=0).tolist() == [0] * 4 + [255] * 8 + [0] * 4
    picture = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    np.testing.assert_array_equal(shapes.placed(frame, Shape(8, 6), (8, 6)), picture)

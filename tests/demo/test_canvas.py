import numpy as np
import pytest

from vaer.demo.canvas import EXTENT, Canvas, Pose

WHITE = (255, 255, 255)


def canvas(pose=None, size=200):
    return Canvas(np.zeros((3, size, size), np.float32), pose or Pose())


def area(made):
    """What is white, in units of the face."""
    return made.rgb[0].sum() / 255 * made.pixel ** 2


def test_an_ellipse_has_its_area_wherever_the_head_is():
    for pose in (Pose(), Pose(x=0.1, y=-0.05, roll=0.2), Pose(scale=1.5)):
        made = canvas(pose)
        made.ellipse((0.1, 0.0), (0.3, 0.2), WHITE)
        assert area(made) == pytest.approx(np.pi * 0.3 * 0.2, rel=0.02)


def test_both_draws_the_mirrored_side_too():
    made = canvas()
    made.ellipse((0.4, 0.0), (0.2, 0.2), WHITE, both=True)
    assert area(made) == pytest.approx(2 * np.pi * 0.2 * 0.2, rel=0.03)
    np.testing.assert_allclose(made.rgb, made.rgb[:, :, ::-1], atol=1)


def test_opacity_mixes():
    made = canvas()
    made.ellipse((0.0, 0.0), (0.3, 0.3), WHITE, opacity=0.5)
    assert made.rgb.max() == pytest.approx(127.5)


def test_a_line_lies_between_its_ends_and_sags():
    straight, bent = canvas(), canvas()
    straight.line((-0.5, 0.0), (0.5, 0.0), 0.05, WHITE)
    bent.line((-0.5, 0.0), (0.5, 0.0), 0.05, WHITE, sag=0.3)
    rows = [np.average(np.arange(200), weights=made.rgb[0].sum(axis=1)) for made in (straight, bent)]
    columns = np.flatnonzero(straight.rgb[0].sum(axis=0) > 10)
    assert (columns[-1] - columns[0]) * straight.pixel == pytest.approx(1.0, abs=0.1)
    assert rows[1] - rows[0] > 0.1 / straight.pixel


def test_a_shape_outside_of_the_picture_is_no_error():
    made = canvas()
    made.ellipse((3 * EXTENT, 0.0), (0.1, 0.1), WHITE)
    made.line((0.0, 5.0), (0.1, 5.0), 0.1, WHITE)
    assert made.rgb.max() == 0

import copy

import numpy as np
import pytest
from makers import make_timeline
from PIL import Image

from vaer.renderings import image
from vaer.renderings.image import render_image


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_picture_is_grey_and_has_a_band_a_track(tmp_path, monkeypatch):
    render_image(make_timeline(), tmp_path / "a.png")
    levels = pixels(tmp_path / "a.png")
    assert np.ptp(levels, axis=2).max() == 0  # the same in black and white
    assert (levels < 60).any()
    monkeypatch.setattr(image, "MOST_TRACKS", 1)
    render_image(make_timeline(), tmp_path / "b.png")
    assert len(pixels(tmp_path / "b.png")) < len(levels)


@pytest.mark.parametrize("lacks", ["levels", "windows", "path"])
def test_a_timeline_that_lacks_something_is_drawn_without_it(tmp_path, lacks):
    content = copy.deepcopy(make_timeline().content)
    if lacks == "windows":
        for window in content["windows"]:
            window["probabilities"] = None
        content["mean"]["probabilities"] = None
    else:
        content["recording"][lacks] = None
    render_image(make_timeline(**content), tmp_path / "a.png")
    assert pixels(tmp_path / "a.png").shape[1] > 500


def test_three_windows_of_one_part_are_drawn(tmp_path):
    content = copy.deepcopy(make_timeline().content)
    content["windows"] = [content["windows"][0] | {"window": number} for number in range(3)]
    render_image(make_timeline(**content), tmp_path / "a.png")  # a warning of matplotlib is an error
    assert (pixels(tmp_path / "a.png") < 60).any()

"""The detector on real frames, and what it does without any."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from makers import shared
from torchvision.ops import box_iou

from vaer.media.frames import frames_of
from vaer.media.probe import opened
from vaer.prepare.faces import THRESHOLD, detect, shrunk
from vaer.prepare.track import find_tracks


def pictures(path, every=1):
    """Every n-th frame of a file, (height, width, 3) uint8."""
    with opened(str(path)) as container:
        flow = frames_of(container, container.streams.video[0], str(path))
        return [frame.to_ndarray(format="rgb24") for number, (frame, _) in enumerate(flow) if number % every == 0]


@pytest.mark.parametrize("shape", [(240, 320), (96, 96), (7, 5), (1, 1), (2000, 30)])
def test_no_face_in_a_plain_picture_of_any_size(shape):
    assert detect(np.full((*shape, 3), 128, dtype=np.uint8)) == []


def test_faces_are_found_where_they_are_at_any_scale():
    picture = pictures(next(shared("ravdess_original").rglob("01-01-01-01-01-01-01.mp4")))[0]
    [face] = detect(picture)
    [half] = detect(picture[::2, ::2])
    np.testing.assert_allclose(np.array(half[:4]) * 2, face[:4], atol=0.1 * (face.right - face.left))
    turned_over = np.rot90(picture, 2)
    assert detect(turned_over) == []
    wider = np.pad(picture, ((40, 0), (300, 0), (0, 0)))  # moved by 300 and 40 pixels
    [moved] = detect(wider)
    # On another grid the next level of the detector's pyramid may win, as a processor rounds: its sides are 6/5 apart,
    # which makes an overlap of (5/6)² = 0.69, and cells of 8 pixels take a little more.
    assert box_iou(torch.tensor([moved[:4]]) - torch.tensor([300, 40, 300, 40]), torch.tensor([face[:4]])) > 0.6


def test_several_faces_come_surest_first_and_always_the_same():
    picture = pictures(next(shared("grid").glob("*.mpg")))[0]
    two = np.concatenate([picture, np.full_like(picture, 90), picture[:, ::-1]], axis=1)
    faces = detect(two)
    assert len(faces) == 2
    assert faces[0].confidence >= faces[1].confidence >= THRESHOLD
    assert faces == detect(two)


@pytest.mark.parametrize(("corpus", "pattern"), [
    ("ravdess_original", "*/02-*.mp4"), ("grid", "*.mpg"), ("cremad_video", "*.flv")])
def test_the_face_is_tracked_through_real_clips(corpus, pattern):
    for path in sorted(shared(corpus).glob(pattern))[:3]:
        found = [detect(picture) for picture in pictures(path, every=5)]
        [track] = find_tracks(found, rate=6.0)
        assert track.detected.mean() > 0.9, path


def test_the_detector_costs_nothing_until_it_is_used():
    code = "import sys, vaer.prepare.track\nassert not {'dlib', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rows_that_are_padded_are_read_where_they_are():
    # 360 pixels are 1,080 bytes, which FFmpeg pads to a multiple of its vectors; dlib then saw other pixels each time
    picture = np.full((480, 480, 3), 128, np.uint8)
    assert shrunk(picture).shape == (360, 360, 3)
    assert shrunk(picture).flags.c_contiguous
    assert shrunk(np.full((500, 480, 3), 128, np.uint8)[:480]).flags.c_contiguous

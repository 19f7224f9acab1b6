"""One file as a prepared clip."""

import dataclasses
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from makers import numbers_of, shared, tone, write_disc, write_marked, write_samples, write_video, write_wav
from odd_makers import copy_video
from PIL import Image

from vaer.errors import MediaError
from vaer.media.encode import encode_frames
from vaer.media.media import read_frames, read_waveform
from vaer.media.probe import probe
from vaer.media.shapes import Shape
from vaer.prepare.clip import crop, prepare_one
from vaer.prepare.faces import Face, detect
from vaer.prepare.manifest import OVERVIEWS, Facts
from vaer.prepare.settings import PrepareConfig


def prepared(source, target="out/clip.mp4", **settings):
    """The facts and the path of one file's clip."""
    source, root = Path(source), Path(source).parent
    facts = Facts(*prepare_one(str(root), source.name, str(root / "to"), target,
                               dataclasses.asdict(PrepareConfig(**settings))))
    return facts, str(root / "to" / target)


def test_a_film_without_a_face_is_kept_whole_and_flagged(tmp_path):
    source = write_video(tmp_path / "a.mp4", frames=30, size=(48, 64), sound=tone(3.0, 48_000)[None])
    facts, path = prepared(source)
    assert facts.notes == "no face"
    assert (facts.frames, facts.fps, facts.width, facts.height, facts.faces) == (30, 10.0, 64, 48, 0)
    assert facts.duration_s == pytest.approx(probe(str(source)).duration_s, abs=1e-3)
    np.testing.assert_allclose(probe(path).frame_times, probe(str(source)).frame_times, atol=1e-3)
    places = np.array([0, 7, 29])
    np.testing.assert_allclose(read_frames(path, places, 48), read_frames(str(source), places, 48), atol=6)
    np.testing.assert_allclose(read_waveform(path, 0.0, 2.9), read_waveform(str(source), 0.0, 2.9), atol=2 ** -15)
    assert facts.loudness_db == pytest.approx(20 * np.log10(0.5 / 2 ** 0.5), abs=0.2)  # a sine of height 0.5
    assert (tmp_path / "to" / OVERVIEWS / "out/clip.mp4.jpg").exists()
    assert not list((tmp_path / "to").rglob("*.part"))


def test_fewer_pictures_a_second_are_the_nearest_ones_at_even_times(tmp_path):
    facts, path = prepared(write_video(tmp_path / "a.mp4", fps=20, frames=30), fps=5)
    assert (facts.frames, facts.fps) == (8, 5.0)  # of 1.5 s
    np.testing.assert_allclose(np.diff(probe(path).frame_times), 0.2, atol=1e-4)
    told = read_frames(path, np.arange(8), 32).mean(axis=(1, 2, 3)) / 8  # a frame tells its number
    np.testing.assert_allclose(told, np.arange(8) * 4, atol=0.5)


def test_a_film_that_lies_on_its_side_stands_upright(tmp_path):
    facts, path = prepared(write_video(tmp_path / "a.mp4", frames=5, size=(48, 64), turn=90))
    assert (facts.width, facts.height, facts.notes) == (48, 64, "no face; no sound")
    np.testing.assert_allclose(read_frames(path, np.arange(5), 48),
                               read_frames(str(tmp_path / "a.mp4"), np.arange(5), 48), atol=25)  # edges, by scaling


def test_sound_alone(tmp_path):
    facts, path = prepared(write_wav(tmp_path / "a.wav", tone(1.0, 48_000), rate=48_000), "a.flac")
    assert (facts.notes, facts.frames, facts.width, facts.duration_s) == ("", 0, 0, 1.0)
    assert len(read_waveform(path, 0.0, 2.0)) == 16_000


@pytest.mark.parametrize(("level", "notes"), [(0.0, "silent"), (1e-4, "silent"), (1e-2, "")])
def test_silence_is_flagged(tmp_path, level, notes):
    facts, _ = prepared(write_wav(tmp_path / "a.wav", tone(0.5, level=level)), "a.flac")
    assert facts.notes == notes


@pytest.mark.parametrize(("samples", "notes"), [
    (np.stack([tone(0.5), -tone(0.5)]).astype("f4"), "channels cancel out; silent"),
    (4 * tone(0.5).astype("f4")[None], "clipped"), (2 * tone(0.5).astype("f4")[None], ""),
    (np.where(np.arange(24_000) // 75 % 2, 32767, -32768).astype("i2")[None], "")])
def test_what_a_clip_loses_of_its_sound_is_flagged(tmp_path, samples, notes):
    """Full scale is 1, of a tone of level 0.5 doubled: that is kept, and so is an integer square of full scale."""
    facts, _ = prepared(write_samples(tmp_path / "a.wav", samples, rate=48_000), "a.flac")
    assert facts.notes == notes


@pytest.mark.parametrize("content", [b"", b"no film"])
def test_a_broken_recording_leaves_nothing(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.mp4"):
        prepared(tmp_path / "a.mp4")
    assert not list((tmp_path).rglob("clip*"))


def test_the_face_of_a_real_take_fills_the_clip(tmp_path):
    take = next(shared("ravdess_original").rglob("01-01-01-01-01-01-01.mp4"))
    shutil.copy(take, tmp_path)
    facts, path = prepared(tmp_path / take.name, size=96, fps=5)
    assert (facts.notes, facts.faces, facts.detected, facts.width, facts.height) == ("", 1, 1.0, 96, 96)
    assert Path(path).stat().st_size < take.stat().st_size / 20
    again = Path(path).read_bytes()
    assert prepared(tmp_path / take.name, size=96, fps=5)[0] == facts
    assert Path(path).read_bytes() == again


def test_two_faces_are_flagged_and_framed(tmp_path):
    takes = sorted(shared("ravdess_facecrop").rglob("01-*.mp4"))[:2]
    left, right = (read_frames(str(take), np.arange(10), 224) for take in takes)
    (tmp_path / "two.mp4").write_bytes(encode_frames(np.concatenate([left, right], axis=2), fps=10))
    facts, _ = prepared(tmp_path / "two.mp4")
    assert (facts.faces, facts.notes) == (2, "several faces; no sound")
    assert facts.width == facts.height <= 224


def test_a_crop_is_cut_to_a_fraction_of_a_pixel():
    ramp = np.broadcast_to(np.arange(100, dtype=np.uint8)[None, :, None] * 2, (100, 100, 3))
    same = crop(np.ascontiguousarray(ramp), np.array([50.0, 50.0]), 20.0, 20)
    np.testing.assert_array_equal(same[0, :, 0], 2 * np.arange(40, 60))
    moved = crop(np.ascontiguousarray(ramp), np.array([50.5, 50.0]), 20.0, 20)
    np.testing.assert_array_equal(moved[0, :, 0], 2 * np.arange(40, 60) + 1)
    half = crop(np.ascontiguousarray(ramp), np.array([50.0, 50.0]), 40.0, 20)
    np.testing.assert_allclose(half[0, :, 0], 2 * (np.arange(30, 70, 2) + 0.5), atol=1)


def test_the_face_stays_in_the_clip_where_the_size_changes_midway(tmp_path):
    """Half as large from frame 48 on: the crop is the same, so is the face in it."""
    shutil.copy(shared("faults") / "size_changes.mkv", tmp_path)
    facts, path = prepared(tmp_path / "size_changes.mkv", fps=10)
    assert (facts.faces, facts.frames, facts.notes) == (1, 32, "the size of its frames changes")
    assert facts.detected > 0.9
    faces = [face for frame in read_frames(path, np.array([2, 14, 17, 30]), 160) for face in detect(frame)]
    assert len(faces) == 4
    for face in faces:
        assert abs(face.left + face.right - 160) < 32
        assert abs(face.top + face.bottom - 160) < 32
        assert abs(face.right - face.left - (faces[0].right - faces[0].left)) < 25


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    facts, path = prepared(write_disc(tmp_path / "a.mkv", "libx264", Fraction(3, 2)))
    assert (facts.width, facts.height) == (192, 96)
    assert probe(path).shapes == (Shape(192, 96),)
    [picture] = read_frames(path, np.array([5]), 96)
    disc = picture.mean(axis=2) > 127
    assert abs(int(disc.any(axis=0).sum()) - int(disc.any(axis=1).sum())) <= 3


def test_a_mirrored_film_is_prepared_as_a_player_shows_it(tmp_path):
    _, path = prepared(write_marked(tmp_path / "a.mp4", (0, -1, -1, 0)))  # grey above, white below, on the right
    assert probe(path).shapes == (Shape(48, 80),)
    [picture] = read_frames(path, np.array([5]), 48)
    right, left = picture[:, 30:].mean(axis=(1, 2)), picture[:, :18].mean()
    assert ((right[:20] > 100) & (right[:20] < 160)).all()
    assert (right[28:] > 230).all()
    assert left < 20


def test_the_streams_that_are_taken_are_noted(tmp_path):
    shutil.copy(shared("faults") / "thumbnail_track_first.mp4", tmp_path)
    facts, path = prepared(tmp_path / "thumbnail_track_first.mp4")
    assert facts.notes == "no face; takes video stream 1 of 0, 1"
    assert numbers_of(read_frames(path, np.array([0, 99, 249]), 96)) == [0, 99, 249]


def test_a_still_becomes_a_still_of_its_face(tmp_path, monkeypatch):
    """A face of 40 pixels around (100, 60) with a quarter of margin on each side: 60 pixels, from (70, 30) on."""
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[30:90, 70:130] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # stored as it is after a quarter turn to the left
    Image.fromarray(np.rot90(picture)).save(tmp_path / "a.png", exif=exif)
    monkeypatch.setattr("vaer.prepare.clip.detect", lambda _: [Face(80.0, 40.0, 120.0, 80.0, 1.5)])
    facts, path = prepared(tmp_path / "a.png", "out/a.png")
    clip = np.asarray(Image.open(path))
    assert clip.shape == (60, 60, 3)
    assert clip.min() == 200
    assert (facts.frames, facts.faces, facts.width, facts.height, facts.notes) == (1, 1, 60, 60, "no sound")
    probe_of_clip = probe(path)
    assert (probe_of_clip.duration_s, probe_of_clip.has_audio) == (facts.duration_s, False)


def test_a_still_without_a_face_is_kept_whole(tmp_path):
    Image.new("RGB", (64, 48), (120, 90, 60)).save(tmp_path / "a.jpg")
    facts, path = prepared(tmp_path / "a.jpg", "out/a.png")
    assert np.asarray(Image.open(path)).shape == (48, 64, 3)
    assert facts.notes == "no face; no sound"


def test_frames_that_come_exchanged_are_put_right(tmp_path):
    stamps = copy_video(next(shared("ravdess_original").rglob("01-01-01-01-01-01-01.mp4")), tmp_path / "copy.mp4")
    assert stamps != sorted(stamps)
    facts, _ = prepared(tmp_path / "copy.mp4")
    assert (facts.reason, facts.frames) == ("", len(stamps))

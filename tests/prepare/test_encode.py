"""Prepared clips come back as they were given: times, sound and pictures."""

from pathlib import Path

import av
import numpy as np
import pytest
from makers import grey, tone

from vaer.media.media import read_frames, read_sound
from vaer.media.probe import probe
from vaer.prepare.encode import write_film, write_sound
from vaer.prepare.settings import PrepareConfig

UNEVEN_S = np.array([0.1, 0.15, 0.4, 0.41, 0.9, 1.6])


def film(path, shown_s=UNEVEN_S, sound=None, **settings):
    pictures = (grey(3 * number, 48, 64) for number in range(len(shown_s)))
    write_film(path, pictures, shown_s, sound, (64, 48), PrepareConfig(**settings))
    return str(path)


def test_times_pictures_and_sound_come_back(tmp_path):
    sound = tone(2.3).astype(np.float32)
    path = film(tmp_path / "a.mp4", sound=sound)
    facts = probe(path)
    np.testing.assert_allclose(facts.frame_times, UNEVEN_S, atol=1e-4)
    assert (facts.width, facts.height, facts.has_sound) == (64, 48, True)
    frames = read_frames(path, np.arange(6), 48)
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), 24 * np.arange(6), atol=3)
    again = read_sound(path, 0.0, 2.3)
    assert len(again) == len(sound)
    np.testing.assert_allclose(again, sound, atol=2 ** -15)  # 16 bits, nothing else is lost


def test_a_film_without_sound(tmp_path):
    assert not probe(film(tmp_path / "a.mp4")).has_sound


def test_sound_that_is_longer_or_shorter_than_the_pictures(tmp_path):
    for seconds in (0.05, 5.0):
        path = film(tmp_path / f"{seconds}.mp4", sound=tone(seconds).astype(np.float32))
        assert len(read_sound(path, 0.0, 10.0)) == round(16_000 * seconds)


def test_the_same_film_is_the_same_bytes(tmp_path):
    sound = tone(1.0).astype(np.float32)
    paths = [film(tmp_path / name, sound=sound) for name in ("a.mp4", "b.mp4")]
    assert Path(paths[0]).read_bytes() == Path(paths[1]).read_bytes()


@pytest.mark.parametrize("gop", [1, 3])
def test_a_key_frame_begins_every_group_of_pictures(tmp_path, gop):
    still = (grey(9, 48, 64) for _ in range(6))  # where pictures differ as from scene to scene, more of them are keys
    write_film(tmp_path / "a.mp4", still, np.arange(6) / 10, None, (64, 48), PrepareConfig(gop=gop))
    with av.open(str(tmp_path / "a.mp4")) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert keys == [number % gop == 0 for number in range(6)]


@pytest.mark.parametrize("kind", ["flac", "mp4"])
def test_sound_alone(tmp_path, kind):
    sound = tone(3.21).astype(np.float32)
    write_sound(tmp_path / f"a.{kind}", sound, kind)
    np.testing.assert_allclose(read_sound(str(tmp_path / f"a.{kind}"), 0.0, 9.0), sound, atol=2 ** -15)


def test_pictures_of_one_time_follow_each_other(tmp_path):
    times = probe(film(tmp_path / "a.mp4", shown_s=np.array([0.0, 0.1, 0.1, 0.1]))).frame_times
    assert (np.diff(times) > 0).all()
    np.testing.assert_allclose(times, [0.0, 0.1, 0.1, 0.1], atol=1e-4)

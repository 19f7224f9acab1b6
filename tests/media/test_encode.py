"""What is written comes back as it was given: times, frames and waveforms, in the same bytes every time."""

from pathlib import Path

import av
import numpy as np
import pytest
from makers import grey, noise, tone

from vaer.media.encode import (
    encode_frames,
    encode_waveform,
    join,
    through_opus,
    write_audio,
    write_mp4,
    write_wav,
)
from vaer.media.media import SAMPLE_RATE, read_frames, read_waveform
from vaer.media.probe import probe

UNEVEN_S = np.array([0.1, 0.15, 0.4, 0.41, 0.9, 1.6])


def film(path, shown_s=UNEVEN_S, sound=None):
    frames = (grey(3 * number, 48, 64) for number in range(len(shown_s)))
    write_mp4(path, frames, shown_s, sound, (64, 48), quality=23, gop=12)
    return str(path)


def test_times_pictures_and_sound_come_back(tmp_path):
    sound = tone(2.3).astype(np.float32)
    path = film(tmp_path / "a.mp4", sound=sound)
    facts = probe(path)
    np.testing.assert_allclose(facts.frame_times, UNEVEN_S, atol=1e-4)
    assert (facts.width, facts.height, facts.has_audio) == (64, 48, True)
    frames = read_frames(path, np.arange(6), 48)
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), 24 * np.arange(6), atol=3)
    again = read_waveform(path, 0.0, 2.3)
    assert len(again) == len(sound)
    np.testing.assert_allclose(again, sound, atol=2 ** -15)  # 16 bits, nothing else is lost


def test_a_film_without_sound(tmp_path):
    assert not probe(film(tmp_path / "a.mp4")).has_audio


def test_sound_that_is_longer_or_shorter_than_the_pictures(tmp_path):
    for seconds in (0.05, 5.0):
        path = film(tmp_path / f"{seconds}.mp4", sound=tone(seconds).astype(np.float32))
        assert len(read_waveform(path, 0.0, 10.0)) == round(16_000 * seconds)


def test_the_same_film_is_the_same_bytes(tmp_path):
    sound = tone(1.0).astype(np.float32)
    paths = [film(tmp_path / name, sound=sound) for name in ("a.mp4", "b.mp4")]
    assert Path(paths[0]).read_bytes() == Path(paths[1]).read_bytes()


@pytest.mark.parametrize("gop", [1, 3])
def test_a_key_frame_begins_every_group_of_pictures(tmp_path, gop):
    still = (grey(9, 48, 64) for _ in range(6))  # where frames differ as from scene to scene, more of them are keys
    write_mp4(tmp_path / "a.mp4", still, np.arange(6) / 10, None, (64, 48), quality=23, gop=gop)
    with av.open(str(tmp_path / "a.mp4")) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert keys == [number % gop == 0 for number in range(6)]


@pytest.mark.parametrize("kind", ["flac", "mp4"])
def test_sound_alone(tmp_path, kind):
    sound = tone(3.21).astype(np.float32)
    write_audio(tmp_path / f"a.{kind}", sound, kind)
    np.testing.assert_allclose(read_waveform(str(tmp_path / f"a.{kind}"), 0.0, 9.0), sound, atol=2 ** -15)


def test_pictures_of_one_time_follow_each_other(tmp_path):
    times = probe(film(tmp_path / "a.mp4", shown_s=np.array([0.0, 0.1, 0.1, 0.1]))).frame_times
    assert (np.diff(times) > 0).all()
    np.testing.assert_allclose(times, [0.0, 0.1, 0.1, 0.1], atol=1e-4)


def test_a_wav_is_as_long_and_as_loud_as_its_waveform(tmp_path):
    waveform = np.array([0.5, -0.25, 1.5, 0.0, -2.0], np.float32)  # floats: beyond full scale, too
    write_wav(tmp_path / "a.wav", waveform, 2)  # three pieces
    with av.open(str(tmp_path / "a.wav")) as file:
        found = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
        assert file.streams.audio[0].rate == 2
    np.testing.assert_array_equal(np.concatenate(found), waveform)


@pytest.fixture
def waveform():
    """A second of numbers that 16 bits hold."""
    return (np.random.default_rng(0).integers(-2**14, 2**14, SAMPLE_RATE) / 2**15).astype(np.float32)


def test_lossless_sound_comes_back_as_it_was(tmp_path, waveform):
    frames = encode_frames(np.zeros((25, 32, 32, 3), np.uint8), fps=25)
    join(tmp_path / "film.mp4", frames, encode_waveform(waveform, "flac"))
    assert np.array_equal(read_waveform(str(tmp_path / "film.mp4"), 0, 1), waveform)


def test_lossless_sound_beyond_full_scale_is_clipped(tmp_path):
    join(tmp_path / "film.mp4", encode_frames(np.zeros((25, 32, 32, 3), np.uint8), fps=25),
        encode_waveform(np.full(SAMPLE_RATE, 1.5, np.float32), "flac"))
    assert read_waveform(str(tmp_path / "film.mp4"), 0, 1).min() > 0.99


def test_encoders_give_the_same_bytes_every_time(waveform):
    frames = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), dtype=np.uint8)
    assert encode_frames(frames, fps=25) == encode_frames(frames, fps=25)
    for codec in ("aac", "flac"):
        assert encode_waveform(waveform, codec) == encode_waveform(waveform, codec)


@pytest.mark.parametrize("samples", [1, 319, 320, 16_001])
def test_opus_gives_as_many_samples_and_none_later(samples):
    sound = noise(1.1).astype(np.float32)[:samples]
    heard = through_opus(sound, 32_000)
    assert (heard.shape, heard.dtype) == (sound.shape, np.float32)
    if samples > 10_000:
        later = [np.corrcoef(sound[100:-100], heard[100 + lag:len(heard) - 100 + lag])[0, 1] for lag in range(-9, 10)]
        assert abs(int(np.argmax(later)) - 9) <= 1
        assert max(later) > 0.9


def test_opus_is_the_same_every_time(waveform):
    np.testing.assert_array_equal(through_opus(waveform, 8000), through_opus(waveform, 8000))


def test_a_joined_file_holds_both_streams(tmp_path, waveform):
    join(tmp_path / "film.mp4", encode_frames(np.zeros((25, 32, 48, 3), np.uint8), fps=25), encode_waveform(waveform))
    with av.open(str(tmp_path / "film.mp4")) as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        assert (video.width, video.height, audio.codec.name) == (48, 32, "aac")
        assert sum(1 for _ in film.decode(video)) == 25

import av
import numpy as np
import pytest

from vaer.demo.film import FPS, encode_pictures, encode_sound, mux
from vaer.demo.voice import SAMPLE_RATE
from vaer.media.media import read_sound


@pytest.fixture
def waveform():
    """A second of numbers that 16 bits hold."""
    return (np.random.default_rng(0).integers(-2**14, 2**14, SAMPLE_RATE) / 2**15).astype(np.float32)


def test_lossless_sound_comes_back_as_it_was(tmp_path, waveform):
    pictures = encode_pictures(np.zeros((FPS, 32, 32, 3), np.uint8))
    mux(tmp_path / "film.mp4", pictures, encode_sound(waveform, lossless=True))
    assert np.array_equal(read_sound(str(tmp_path / "film.mp4"), 0, 1), waveform)


def test_lossless_sound_beyond_full_scale_is_clipped(tmp_path):
    mux(tmp_path / "film.mp4", encode_pictures(np.zeros((FPS, 32, 32, 3), np.uint8)),
        encode_sound(np.full(SAMPLE_RATE, 1.5, np.float32), lossless=True))
    assert read_sound(str(tmp_path / "film.mp4"), 0, 1).min() > 0.99


def test_encoders_give_the_same_bytes_every_time(waveform):
    pictures = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), dtype=np.uint8)
    assert encode_pictures(pictures) == encode_pictures(pictures)
    for lossless in (False, True):
        assert encode_sound(waveform, lossless=lossless) == encode_sound(waveform, lossless=lossless)


def test_a_muxed_file_holds_both_streams(tmp_path, waveform):
    mux(tmp_path / "film.mp4", encode_pictures(np.zeros((FPS, 32, 48, 3), np.uint8)), encode_sound(waveform))
    with av.open(str(tmp_path / "film.mp4")) as film:
        picture, sound = film.streams.video[0], film.streams.audio[0]
        assert (picture.width, picture.height, sound.codec.name) == (48, 32, "aac")
        assert sum(1 for _ in film.decode(picture)) == FPS

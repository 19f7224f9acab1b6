"""How long audio lasts where header and packets contradict each other; files that do stand in test_waveforms."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from makers import noise, shared, write_encoded
from odd_makers import Film, Odd, Sound, write_odd

from vaer.errors import MediaError
from vaer.media import declared_duration
from vaer.media.probe import probe
from vaer.media.waveforms import read_waveform


def container(name, duration_s=None):
    return SimpleNamespace(format=SimpleNamespace(name=name), duration=duration_s and duration_s * 1_000_000)


def stream(duration_s=None, start_s=None, frames=0):
    return SimpleNamespace(frames=frames, time_base=Fraction(1, 100), duration=duration_s and duration_s * 100,
                           start_time=start_s and start_s * 100)


@pytest.mark.parametrize(("name", "named_s", "start_s", "stamped_s", "end_s"), [
    ("avi", 10, None, 1917.0, 10.0), ("avi", 25_000, 0, 10.0, 10.0), ("avi", None, None, 10.0, 10.0),
    ("wav", 10, None, 12.0, 12.0), ("wav", 10, None, None, 10.0), ("asf", 10, 5, None, 15.0),
    ("ogg", None, None, None, None)])
def test_the_end_of_a_sound(name, named_s, start_s, stamped_s, end_s):
    assert declared_duration.audio_end(container(name), stream(named_s, start_s), stamped_s) == end_s


@pytest.mark.parametrize(("name", "declared_s"), [("avi", 8), ("matroska,webm", 12)])
def test_an_avi_promises_its_frames(name, declared_s):
    assert declared_duration.declared(container(name, 12), stream(8)) == declared_s
    assert declared_duration.declared(container(name, 12), None) == (0 if name == "avi" else 12)
    assert declared_duration.declared(container("avi"),
                                      stream(8, frames=900)) == 9  # of which FFmpeg finds eight seconds


@pytest.mark.parametrize(("name", "film", "sound"), [
    ("a.avi", "mpeg4", "libmp3lame"), ("a.avi", "mjpeg", "pcm_s16le"), ("a.wmv", "wmv2", "wmav2"),
    ("a.asf", "mpeg4", "pcm_s16le")])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_a_file_that_was_cut_off_is_refused(tmp_path, name, film, sound, share):
    pix_fmt = "yuvj420p" if film == "mjpeg" else "yuv420p"
    path = write_odd(Odd(name, (Film(film, pix_fmt), Sound(sound))), tmp_path)
    assert probe(str(path)).duration_s == pytest.approx(10, abs=0.1)
    whole = path.read_bytes()
    path.write_bytes(whole[:round(len(whole) * share)])
    with pytest.raises(MediaError, match=r"is cut off: its header promises 10\.\d s and \d\.\d s are there"):
        probe(str(path))


def test_windows_media_that_was_sent_promises_nothing(tmp_path):
    path = write_odd(Odd("a.wmv", (Film("wmv2"), Sound("wmav2"))), tmp_path)
    content = bytearray(path.read_bytes())
    content[content.index(declared_duration.ASF_PROPERTIES) + 88] |= declared_duration.ASF_BROADCAST
    path.write_bytes(content[:round(len(content) * 0.6)])
    assert probe(str(path)).duration_s == pytest.approx(6, abs=0.3)


def test_packets_without_stamps_last_as_long_as_the_header_says(tmp_path):
    """ADPCM of Flash in WAV, which FFmpeg writes and does not time."""
    path = str(write_encoded(tmp_path / "a.wav", noise(3.0, 22_050), 22_050, "adpcm_swf"))
    assert probe(path).duration_s == pytest.approx(3, abs=0.2)
    heard = read_waveform(path, 1.5, 2.5)
    np.testing.assert_array_equal(heard, read_waveform(path, 0, 3)[24_000:40_000])
    assert np.abs(heard).max() > 0.1


def test_windows_media_lasts_as_long_as_it_does():
    assert probe(str(shared("faults") / "windows_media.wmv")).duration_s == pytest.approx(10.043, abs=0.05)

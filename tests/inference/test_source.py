import numpy as np
import pytest
from makers import shared, tone, write_video, write_wav
from odd_makers import copy_video

from vaer.errors import MediaError, UserError
from vaer.inference.source import ArraySource, FileSource, is_prepared
from vaer.media.probe import probe


def arrays(frames=None, waveform=None, **other):
    return ArraySource(frames, waveform, **{"frame_times": None, "fps": None, "sample_rate": None} | other)


def test_a_file_gives_all_of_its_frames(tmp_path):
    source = FileSource(str(write_video(tmp_path / "a.mp4", frames=7, fps=10)))
    assert [round(frame.time * 10) for frame in source.frames()] == list(range(7))
    assert source.audio(1.0) is None
    assert source.span(30.0) is None
    with pytest.raises(MediaError, match=r"none.mp4: cannot be opened"):
        FileSource(str(tmp_path / "none.mp4"))


def test_frames_that_come_exchanged_are_put_right(tmp_path):
    stamps = copy_video(next(shared("ravdess_original").rglob("01-01-01-01-01-01-01.mp4")), tmp_path / "copy.mp4")
    assert stamps != sorted(stamps)
    assert [frame.pts for frame in FileSource(str(tmp_path / "copy.mp4")).frames()] == sorted(stamps)


def test_arrays_have_the_clock_that_is_given():
    frames = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 6, 3), dtype=np.uint8)
    waveform = tone(1.0, 8000).astype(np.float32)
    source = arrays(frames, waveform, fps=10, sample_rate=8000)
    assert source.facts.frame_times.tolist() == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert (source.facts.duration_s, source.facts.width, source.facts.height) == (1.0, 6, 4)
    assert [int(frame.to_ndarray(format="rgb24")[0, 0, 0]) for frame in source.frames()] == [0, 1, 2, 3, 4]
    assert len(source.audio(1.0).read(0.25, 0.75)) == 8000  # at 16 kHz
    moments = arrays(frames, frame_times=[0.0, 0.1, 0.2, 0.4, 0.8])
    assert moments.facts.duration_s == pytest.approx(0.95)  # the last one as long as the median step, 0.15 s
    assert moments.audio(1.0) is None


@pytest.mark.parametrize(("given", "message"), [
    ({}, "both are absent"), ({"frames": np.zeros((2, 4, 4), np.uint8), "fps": 5}, r"shape \(2, 4, 4\)"),
    ({"frames": np.zeros((2, 4, 4, 3)), "fps": 5}, "type float64"),
    ({"frames": np.zeros((2, 4, 4, 3), np.uint8)}, "either frame_times, seconds, or fps"),
    ({"frames": np.zeros((2, 4, 4, 3), np.uint8), "fps": 0}, "fps: is 0"),
    ({"frames": np.zeros((2, 4, 4, 3), np.uint8), "frame_times": [0.2, 0.1]}, "2 ascending seconds"),
    ({"waveform": np.zeros(10)}, "sample_rate: is None"),
    ({"waveform": np.zeros((2, 10)), "sample_rate": 8000}, r"shape \(2, 10\)"),
    ({"waveform": np.zeros(10, np.int16), "sample_rate": 8000}, "type int16"),
    ({"waveform": np.full(10, np.nan), "sample_rate": 8000}, "finite floats")])
def test_arrays_of_another_kind_are_refused(given, message):
    with pytest.raises(UserError, match=message):
        arrays(**given)


def test_a_file_of_a_prepared_folder_is_known(tmp_path):
    path = write_wav(tmp_path / "faces" / "Actor_01" / "a.wav", tone(0.2))
    assert not is_prepared(str(path))
    for name in ("prepare.json", "manifest.csv"):
        (tmp_path / "faces" / name).touch()
    assert is_prepared(str(path))
    assert probe(str(path)).has_audio

"""Durations that a table tells and the file does not."""

import logging

import numpy as np
import pytest
from makers import make_item, tone, write_video, write_wav

from vaer.config import DataConfig
from vaer.data import durations
from vaer.data.buckets import window_seconds
from vaer.data.dataset import EvaluationClips, Modalities
from vaer.data.durations import duration_of
from vaer.errors import MediaError


@pytest.fixture
def sound(tmp_path, monkeypatch):
    """A waveform of two seconds, before anything was warned of."""
    monkeypatch.setattr(durations, "_warned", [])
    return write_wav(tmp_path / "a.wav", tone(2.0))


@pytest.mark.parametrize("told", [None, 2.0, 2.09, 1.91])
def test_the_file_says_how_long_it_is(sound, told, caplog):
    assert duration_of(make_item(sound, duration_s=told)) == 2.0
    assert caplog.text == ""


@pytest.mark.parametrize("told", [1.7, 2.9, 2.2])
def test_another_figure_is_warned_of_once_and_not_followed(sound, told, caplog):
    with caplog.at_level(logging.WARNING):
        assert [duration_of(make_item(sound, duration_s=told)) for _ in range(2)] == [2.0, 2.0]
    assert f"a.wav: lasts 2.00 s, and the column duration_s of its table or manifest.csv says {told:g} s" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("told", "unit"), [(2000.0, " (milliseconds, it seems)"), (120.0, ""), (0.002, ""), (3.5, ""),
                                            (1.2, "")])
def test_a_figure_of_another_unit_or_file_is_refused_with_both_values(sound, told, unit):
    with pytest.raises(MediaError) as caught:
        duration_of(make_item(sound, duration_s=told))
    assert str(caught.value) == (
        f"{sound}: lasts 2.00 s, and the column duration_s of its table or manifest.csv says {told:g} s{unit}; correct "
        f"the column, or leave it out: the file is asked then")


def test_windows_are_those_of_the_file(tmp_path, monkeypatch):
    """Twenty frames at 10 a second, told to last 2.8 s: eight of them, each in the middle of its quarter second."""
    monkeypatch.setattr(durations, "_warned", [])
    film = write_video(tmp_path / "a.mp4", sound=tone(2.0, 48_000)[None])
    config = DataConfig(num_frames=8, size=32, num_workers=0)
    clips = [EvaluationClips([make_item(film, duration_s=told)], ("happy",), config=config, wanted=Modalities())[0, 0]
             for told in (None, 2.8)]
    np.testing.assert_array_equal(clips[0].frames, clips[1].frames)
    np.testing.assert_array_equal(clips[0].waveform, clips[1].waveform)
    np.testing.assert_allclose(clips[1].frame_times, [0.1, 0.4, 0.6, 0.9, 1.1, 1.4, 1.6, 1.9], atol=1e-6)
    with pytest.raises(MediaError, match="milliseconds"):
        EvaluationClips([make_item(film, duration_s=2000.0)], ("happy",), config=config, wanted=Modalities())[0, 0]


def test_planning_opens_no_file(accelerator):
    items = [make_item("nowhere.wav", duration_s=3.0)]
    assert window_seconds(items, DataConfig(), rank=0, world=1).tolist() == [3.0]

"""Clips of which only the middle is seen."""

import pytest
from makers import make_item, tone, write_wav

from vaer.config import DataConfig
from vaer.data import cuts as cuts_module
from vaer.data.cuts import Cuts, count_cut, describe_counted_cuts, describe_cuts, find_cuts
from vaer.data.dataset import EvaluationClips, Modalities, TrainingClips

CONFIG = DataConfig(max_seconds=1.0, num_frames=4, size=16, num_workers=0)


@pytest.fixture
def sounds(tmp_path):
    """Sounds of 0.5, 1.5 and 3 seconds whose table tells nothing."""
    return [make_item(write_wav(tmp_path / f"{number}.wav", tone(seconds)))
            for number, seconds in enumerate((0.5, 1.5, 3.0))]


def test_what_is_longer_is_counted_before_anything_is_read(sounds):
    cuts = find_cuts(sounds, CONFIG)
    assert cuts == Cuts(clips=3, cut=2, longest_s=3.0, unknown=0)
    assert describe_cuts("test", cuts, CONFIG) == (
        "2 of 3 test clips longer than data.max_seconds 1 (up to 3.0 s): cut to the middle")
    assert find_cuts(sounds, DataConfig(window_s=0.5, max_seconds=1.0)) == Cuts(3, 0, 0.0, 0)
    assert find_cuts(sounds, DataConfig(max_seconds=3.0)).cut == 0
    assert describe_cuts("test", Cuts(3, 0, 0.0, 0), CONFIG) == ""


def test_lengths_that_a_table_tells_cost_no_file():
    items = [make_item("nowhere.wav", duration_s=seconds) for seconds in (0.9, 1.1, 25.0)]
    assert find_cuts(items, CONFIG, most_s=-1.0) == Cuts(3, 2, 25.0, 0)


def test_files_that_nobody_waits_for_are_said(sounds):
    cuts = find_cuts([*sounds, make_item("nowhere.wav")], CONFIG)
    assert (cuts.cut, cuts.unknown) == (2, 1)
    assert describe_cuts("training", cuts, CONFIG).endswith(
        "; how long 1 of 4 training clips are is seen when they are read; what is longer than data.max_seconds 1 is "
        "cut to its middle")
    assert find_cuts(sounds, CONFIG, most_s=-1.0) == Cuts(3, 0, 0.0, 3)
    assert describe_counted_cuts("training", 2, 3, CONFIG) == (
        "2 of 3 training clips longer than data.max_seconds 1, cut to the middle")


def test_clips_that_are_trimmed_to_less_stay_whole(sounds):
    config = DataConfig(max_seconds=2.0, trim_db=40)
    assert find_cuts([item._replace(duration_s=length) for item, length in zip(sounds, (0.5, 1.5, 3.0), strict=True)],
                     config).cut == 1


def test_sound_is_decoded_for_long_clips_alone(sounds, monkeypatch):
    trimmed = []
    monkeypatch.setattr(cuts_module, "span", lambda item, config: trimmed.append(item.path) or (1.0, 2.5))
    assert find_cuts(sounds, DataConfig(max_seconds=1.0, trim_db=40)).cut == 2
    assert trimmed == [sounds[1].path, sounds[2].path]


def test_what_was_cut_is_counted_where_windows_are_made(sounds):
    evaluation = EvaluationClips(sounds, ("happy",), config=CONFIG, wanted=Modalities())
    training = TrainingClips(sounds, ("happy",), config=CONFIG, wanted=Modalities(), seed=0)
    assert count_cut(training).tolist() == [0, 0]
    for index in range(3):
        assert len(evaluation[0, index].waveform) == min(16_000, [8_000, 24_000, 48_000][index])
        training[1, index]
    assert evaluation.cut.tolist() == training.cut.tolist() == [0, 1, 1]
    assert count_cut(training).tolist() == [2, 3]

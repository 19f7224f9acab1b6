import numpy as np
import pytest

from vaer.config import AugmentConfig, DataConfig
from vaer.data.windows import evaluation_window, training_window


def test_the_whole_clip_is_the_window_by_default():
    window = evaluation_window((0.0, 4.0), DataConfig(num_frames=4), view=0, views=1)
    assert (window.start_s, window.end_s, window.speed) == (0.0, 4.0, 1.0)
    np.testing.assert_allclose(window.times, [0.5, 1.5, 2.5, 3.5])  # the middles of four seconds


def test_a_long_clip_is_cut_to_its_middle():
    window = evaluation_window((1.0, 9.0), DataConfig(num_frames=2, max_seconds=4.0), view=0, views=1)
    assert (window.start_s, window.end_s) == (3.0, 7.0)


@pytest.mark.parametrize(("views", "starts"), [(1, [1.5]), (3, [0.0, 1.5, 3.0])])
def test_views_are_spread_evenly_and_one_is_the_middle(views, starts):
    config = DataConfig(num_frames=2, window_s=1.0)
    windows = [evaluation_window((0.0, 4.0), config, view, views) for view in range(views)]
    assert [window.start_s for window in windows] == starts
    assert all(window.end_s - window.start_s == 1.0 for window in windows)


def test_a_clip_shorter_than_the_window_is_taken_whole():
    window = evaluation_window((0.0, 0.5), DataConfig(num_frames=2, window_s=1.0), view=0, views=1)
    assert (window.start_s, window.end_s) == (0.0, 0.5)


def test_training_jitters_each_time_inside_its_bin():
    config = DataConfig(num_frames=8, window_s=2.0)
    for seed in range(50):
        window = training_window((1.0, 7.0), config, np.random.default_rng(seed))
        assert 1.0 <= window.start_s <= window.end_s - 2.0 + 1e-9 <= 5.0
        place = (window.times - window.start_s) / 0.25
        assert (np.floor(place) == np.arange(8)).all()


def test_speed_lengthens_what_is_seen_not_what_is_played():
    config = DataConfig(num_frames=8, window_s=2.0, augment=AugmentConfig(speed=0.2))
    windows = [training_window((0.0, 9.0), config, np.random.default_rng(seed)) for seed in range(50)]
    speeds = [window.speed for window in windows]
    assert 0.8 <= min(speeds) < 0.9 < 1.1 < max(speeds) <= 1.2
    for window in windows:
        assert (window.end_s - window.start_s) / window.speed == pytest.approx(2.0)


def test_a_crop_is_a_random_share_of_the_whole_clip_at_a_random_place():
    config = DataConfig(num_frames=2, augment=AugmentConfig(crop=0.8))
    windows = [training_window((1.0, 6.0), config, np.random.default_rng(seed)) for seed in range(200)]
    lengths = [window.end_s - window.start_s for window in windows]
    assert 4.0 <= min(lengths) < 4.05
    assert 4.95 < max(lengths) <= 5.0
    assert min(window.start_s for window in windows) >= 1.0
    assert max(window.end_s for window in windows) <= 6.0 + 1e-9
    starts = [(window.start_s - 1) / (5 - length) for window, length in zip(windows, lengths, strict=True)]
    assert min(starts) < 0.05  # of the room that is left
    assert max(starts) > 0.95


def test_without_a_crop_nothing_more_is_drawn():
    """Windows are those of earlier versions: the share is drawn where it is asked for alone."""
    ours, theirs = np.random.default_rng(3), np.random.default_rng(3)
    training_window((0.0, 4.0), DataConfig(num_frames=2), ours)
    theirs.uniform(-1, 1), theirs.uniform(), theirs.uniform(size=2)
    assert ours.uniform() == theirs.uniform()

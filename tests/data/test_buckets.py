import numpy as np
import pytest
from makers import make_item, tone, write_wav

from vaer.config import DataConfig
from vaer.data import buckets
from vaer.data.buckets import by_length, window_seconds
from vaer.errors import MediaError


def planned(seconds, batch_size, epoch=0):
    rng = np.random.default_rng((0, epoch))
    return by_length(rng.permutation(len(seconds)), seconds, batch_size, rng).reshape(-1, batch_size)


def padding(seconds, steps):
    return 1 - seconds[steps].sum() / (seconds[steps].max(axis=1).sum() * steps.shape[1])


def test_steps_hold_clips_of_like_length_in_no_order_of_length():
    seconds = np.random.default_rng(1).uniform(1, 10, size=5_003)
    steps = planned(seconds, 8)
    assert steps.shape == (625, 8)
    assert len(np.unique(steps)) == 5_000
    apart = np.random.default_rng((0, 0)).permutation(5_003)[:5_000].reshape(-1, 8)
    assert padding(seconds, apart) > 0.3
    assert padding(seconds, steps) < 0.03
    means = seconds[steps].mean(axis=1)
    assert abs(np.corrcoef(means[1:], means[:-1])[0, 1]) < 0.15
    assert not np.array_equal(planned(seconds, 8, epoch=1), steps)


def test_equal_lengths_change_nothing_but_the_order_of_the_steps():
    order = np.random.default_rng((0, 0)).permutation(100)
    steps = planned(np.ones(100), 4)
    assert sorted(map(tuple, steps)) == sorted(map(tuple, order.reshape(-1, 4)))


def test_an_epoch_shorter_than_a_group_is_planned_too():
    assert sorted(map(sorted, planned(np.array([3.0, 1.0, 1.1, 2.9]), 2).tolist())) == [[0, 3], [1, 2]]


def test_a_corpus_that_tells_its_durations_is_not_opened():
    items = [make_item(f"{number}.wav", duration_s=number) for number in (1.0, 2.0, 30.0)]
    assert window_seconds(items, DataConfig(), rank=0, world=1).tolist() == [1.0, 2.0, 10.0]
    assert window_seconds(items, DataConfig(window_s=1.5), rank=0, world=1).tolist() == [1.0, 1.5, 1.5]


def test_what_nobody_tells_is_measured(tmp_path):
    sound = np.concatenate([np.zeros(16_000), tone(0.5), np.zeros(8_000)])
    items = [make_item(write_wav(tmp_path / "a.wav", sound)), make_item("b.wav", duration_s=1.0)]
    assert window_seconds(items, DataConfig(), rank=0, world=1) == pytest.approx([2.0, 1.0])
    assert window_seconds(items[:1], DataConfig(trim_db=40), rank=0, world=1) == pytest.approx([0.5], abs=0.021)


def test_processes_share_the_measuring(tmp_path, monkeypatch):
    items = [make_item(write_wav(tmp_path / f"{number}.wav", tone(number / 10))) for number in range(1, 6)]
    shares = [buckets._measured(items[rank::2], DataConfig(), shown=False) for rank in (0, 1)]
    assert [len(share) for share in shares] == [3, 2]
    monkeypatch.setattr(buckets, "gather_object", lambda mine: shares)
    assert window_seconds(items, DataConfig(), rank=1, world=2) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_a_file_that_cannot_be_read_is_told_to_all_processes(tmp_path, monkeypatch):
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    items = [make_item(write_wav(tmp_path / "good.wav", tone(1.0))), make_item(tmp_path / "bad.wav")]
    with pytest.raises(MediaError, match=r"bad\.wav: cannot be decoded"):
        window_seconds(items, DataConfig(), rank=0, world=1)
    theirs = buckets._measured(items[1::2], DataConfig(), shown=False)
    monkeypatch.setattr(buckets, "gather_object", lambda mine: [*mine, theirs])
    with pytest.raises(MediaError, match=r"bad\.wav: cannot be decoded"):
        window_seconds(items, DataConfig(), rank=0, world=2)

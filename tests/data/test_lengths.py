import numpy as np
from makers import make_item, tiny_config

from vaer.data import lengths
from vaer.data.lengths import window_lengths


def test_the_lengths_are_those_of_the_windows_of_evenly_spread_clips(monkeypatch):
    items = [make_item(f"{number}.mp4", duration_s=float(number + 1)) for number in range(20)]
    clip = tiny_config().data.clip  # whole clips, at most 10 s
    assert [part.tolist() for part in window_lengths(items, clip)] == [
        [min(10.0, number + 1.0) for number in range(20)], [number + 1.0 for number in range(20)]]
    monkeypatch.setattr(lengths, "MOST", 3)
    assert window_lengths(items, clip)[0].tolist() == [1.0, 10.0, 10.0]  # clips 0, 10 (9.5, to the even one) and 19
    assert np.array_equal(window_lengths(items[:1], clip)[0], [1.0])

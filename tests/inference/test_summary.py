import pytest
from makers import make_timeline

from vaer.inference.summary import mean_of, tracks_of


def row(first, start_s=0.0, end_s=1.0, track="scene", **other):
    said = None if first is None else {"a": first, "b": 1 - first}
    return {"track": track, "shot": 0, "start_s": start_s, "end_s": end_s, "quality": None, "probabilities": said,
            "video": said, "audio": None} | other


def test_a_mean_weighs_windows_by_their_length():
    found = mean_of([row(1.0, 0, 3), row(0.0, 3, 4), row(None, 4, 9)], ("a", "b"), None)
    assert found["probabilities"] == {"a": 0.75, "b": 0.25}
    assert (found["audio"], found["calibrated"]) == (None, None)


def test_the_calibrated_mean_is_that_of_the_raw_one():
    found = mean_of([row(0.8)], ("a", "b"), 2.0)
    assert found["calibrated"] == pytest.approx({"a": 2 / 3, "b": 1 / 3}, abs=1e-6)  # sqrt(0.8) : sqrt(0.2) = 2 : 1


def test_tracks_stand_in_the_order_of_their_appearance():
    first, second = make_timeline().tracks
    assert (first["track"], first["windows"], first["start_s"], first["end_s"]) == ("face 1", 2, 0.0, 3.0)
    assert first["mean"]["probabilities"] == pytest.approx({"a": 0.55, "b": 0.45})
    assert first["quality"] == {"detected": 1.0, "confidence": 2.0, "side": 80.0}
    assert (second["track"], second["quality"]) == ("voice", None)
    assert tracks_of([], ("a", "b"), None) == []

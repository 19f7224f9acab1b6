"""From the answers to windows to those of tracks and of the whole."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vaer.evaluation.calibration import scale
from vaer.inference.forward import DIGITS

ASKED = ("probabilities", "video", "audio")


def mean_of(windows: Sequence[dict[str, Any]], classes: Sequence[str], temperature: float | None) -> dict[str, Any]:
    """The mean of answers, by the length of their windows; calibrated is the mean of the raw ones, scaled."""
    found: dict[str, Any] = {}
    for kind in ASKED:
        there = [window for window in windows if window[kind] is not None]
        found[kind] = None
        if there:
            weights = np.array([max(window["end_s"] - window["start_s"], 1e-9) for window in there])
            values = np.array([[window[kind][name] for name in classes] for window in there])
            found[kind] = _named(classes, weights @ values / weights.sum())
    raw, found["calibrated"] = found["probabilities"], None
    if raw is not None and temperature is not None:
        found["calibrated"] = _named(classes, scale(np.array([[raw[name] for name in classes]]), temperature)[0])
    return found


def tracks_of(windows: Sequence[dict[str, Any]], classes: Sequence[str],
              temperature: float | None) -> list[dict[str, Any]]:
    """Each track with its span, its quality and its mean, in the order in which they appear."""
    by_track: dict[str, list[dict[str, Any]]] = {}
    for window in windows:
        by_track.setdefault(window["track"], []).append(window)
    return [{"track": track, "shots": sorted({window["shot"] for window in own}),
             "start_s": min(window["start_s"] for window in own), "end_s": max(window["end_s"] for window in own),
             "windows": len(own), "quality": _quality(own), "mean": mean_of(own, classes, temperature)}
            for track, own in by_track.items()]


def _quality(windows: list[dict[str, Any]]) -> dict[str, float] | None:
    known = [window["quality"] for window in windows if window["quality"] is not None]
    if not known:
        return None
    return {name: round(float(np.mean([one[name] for one in known])), 4) for name in ("detected", "confidence", "side")}


def _named(classes: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), DIGITS) for name, value in zip(classes, values, strict=True)}

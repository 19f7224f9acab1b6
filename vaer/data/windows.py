"""Which seconds of a clip are seen and heard, and at which times a frame is wanted."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from vaer.config import ClipConfig, DataConfig
from vaer.records import Window


def training_window(span: tuple[float, float], config: DataConfig, rng: Generator) -> Window:
    """A window at a random place of `span` (start and end, s), each time at random within its share of the window."""
    speed = 1 + config.augment.speed * rng.uniform(-1, 1)
    start_s, length_s, slack_s = _limits(span, config, speed)
    if config.augment.crop < 1:
        share = rng.uniform(config.augment.crop, 1)
        length_s, slack_s = length_s * share, slack_s + length_s * (1 - share)
    start_s += slack_s * rng.uniform()
    return Window(start_s, start_s + length_s, _times(start_s, length_s, config.num_frames, rng.uniform), speed)


def evaluation_window(span: tuple[float, float], config: ClipConfig, view: int, views: int) -> Window:
    """Window number `view` of `views` evenly spread ones; the only one of one stands in the middle."""
    start_s, length_s, slack_s = _limits(span, config, speed=1.0)
    start_s += slack_s * (view / (views - 1) if views > 1 else 0.5)
    return Window(start_s, start_s + length_s, _times(start_s, length_s, config.num_frames, _middle))


def length_s(span: tuple[float, float], config: ClipConfig) -> float:
    """How long a window of `span` is, seconds; where the playing speed changes, at its mean."""
    return _limits(span, config, speed=1.0)[1]


def is_cut(span: tuple[float, float], config: ClipConfig) -> bool:
    """Whether a window that should be the whole clip is its middle only."""
    return bool(config.window_s is None and span[1] - span[0] > config.max_seconds)


def _limits(span: tuple[float, float], config: ClipConfig, speed: float) -> tuple[float, float, float]:
    """Earliest start, length and room to move of a window, seconds."""
    start_s, end_s = span
    whole_s = end_s - start_s
    if config.window_s is not None:
        length_s = min(whole_s, config.window_s * speed)
        return start_s, length_s, whole_s - length_s
    length_s = min(whole_s, config.max_seconds)
    return start_s + (whole_s - length_s) / 2, length_s, 0.0


def _times(start_s: float, length_s: float, num_frames: int, place: Callable[..., np.ndarray]) -> np.ndarray:
    """(num_frames,) seconds: one time in each of `num_frames` equal parts of the window."""
    return start_s + (np.arange(num_frames) + place(size=num_frames)) * length_s / num_frames


def _middle(size: int) -> np.ndarray:
    return np.full(size, 0.5)

"""What is changed at random in a training clip, drawn from the clip's own generator."""

import numpy as np
from numpy.random import Generator

from vaer.config import AugmentConfig


def draw_size(size: int, config: AugmentConfig, rng: Generator) -> int:
    """The size, pixels, at which pictures are decoded before `augment_frames` cuts `size` out of them."""
    return round(size * rng.uniform(1, config.zoom))


def augment_frames(frames: np.ndarray, size: int, config: AugmentConfig, rng: Generator) -> np.ndarray:
    """(time, size, size, 3) uint8: one place, one mirroring, one brightness, contrast and tint for a whole clip."""
    top, left = (rng.integers(0, frames.shape[axis] - size + 1) for axis in (1, 2))
    frames = frames[:, top:top + size, left:left + size]
    if rng.uniform() < config.flip:
        frames = frames[:, :, ::-1]
    contrast, shift = 1 + config.brightness * rng.uniform(-1, 1, size=2)
    tints = 1 + config.color * rng.uniform(-1, 1, size=3)
    if config.brightness or config.color:
        levels = ((np.arange(256) - 127.5) * contrast + 127.5 * shift) * tints[:, None]  # (channels, 256)
        levels = levels.clip(0, 255).round().astype(np.uint8)
        frames = np.stack([table[frames[..., channel]] for channel, table in enumerate(levels)], axis=-1)
    return np.ascontiguousarray(frames)


def augment_waveform(waveform: np.ndarray, config: AugmentConfig, rng: Generator) -> np.ndarray:
    """(samples,) float32: white noise below the clip's own level, then a gain."""
    if config.noise_db is not None and waveform.size:
        level = np.sqrt(np.mean(waveform.astype(np.float64) ** 2))
        noise = rng.standard_normal(waveform.shape, dtype=np.float32)
        waveform = waveform + noise * np.float32(level * 10 ** ((config.noise_db - rng.uniform(0, 20)) / 20))
    return waveform * np.float32(10 ** (config.gain_db * rng.uniform(-1, 1) / 20))

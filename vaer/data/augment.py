"""What is changed at random in a training clip, drawn from the clip's own generator."""

import numpy as np
import torch
from einops import rearrange
from numpy.random import Generator
from PIL import Image

from vaer.config import SAMPLE_RATE, AugmentConfig
from vaer.media.formants import shift_formants
from vaer.media.pitch import shift_pitch

DIRECT_DB = (0.0, 15.0)
"""How far echoes are below the direct sound, from the far end of a room to a microphone on the table."""


def draw_size(size: int, config: AugmentConfig, rng: Generator) -> int:
    """The size, pixels, at which frames are decoded before `augment_frames` cuts `size` out of them."""
    return round(size * rng.uniform(1, config.zoom))


def augment_frames(frames: np.ndarray, size: int, config: AugmentConfig, rng: Generator) -> np.ndarray:
    """(time, size, size, 3) uint8: one place, one mirroring, one brightness, contrast and tint for a whole clip."""
    from torchvision.transforms.v2 import functional as F  # a second, which the process that computes need not pay

    top, left = (int(rng.integers(0, frames.shape[axis] - size + 1)) for axis in (1, 2))
    flip = rng.uniform() < config.flip
    contrast, brightness = 1 + config.brightness * rng.uniform(-1, 1, size=2)
    tints = 1 + config.color * rng.uniform(-1, 1, size=3)
    values = torch.from_numpy(np.ascontiguousarray(frames))
    values = rearrange(values, "time height width colour -> time colour height width")
    values = F.crop_image(values, top, left, size, size)
    if flip:
        values = F.horizontal_flip_image(values)
    frames = rearrange(values, "time colour height width -> time height width colour").numpy()
    frames = np.ascontiguousarray(frames)  # torch takes longer over three values that lie apart
    if not (frames.size and (config.brightness or config.color)):
        return frames
    table = changed_levels(contrast, brightness, tints).flatten().tolist()
    rows = frames.reshape(-1, size, 3)  # an image as high as all frames together
    return np.array(Image.fromarray(rows).point(table)).reshape(frames.shape)


def changed_levels(contrast: float, brightness: float, tints: np.ndarray) -> np.ndarray:
    """What becomes of each level of each colour, (3, 256) uint8; contrast turns around middle grey, which moves."""
    levels = ((np.arange(256) - 127.5) * contrast + 127.5 * brightness) * tints[:, None]
    return levels.clip(0, 255).round().astype(np.uint8)


def augment_waveform(waveform: np.ndarray, config: AugmentConfig, rng: Generator) -> np.ndarray:
    """(samples,) float32: another pitch, other formants, a room, white noise below the level of these, a gain."""
    if config.pitch and waveform.size:
        waveform = shift_pitch(waveform, config.pitch * rng.uniform(-1, 1))
    if config.formants and waveform.size:
        waveform = shift_formants(waveform, 1 + config.formants * rng.uniform(-1, 1))
    if config.reverb_s and waveform.size:
        waveform = add_reverb(waveform, config.reverb_s * rng.uniform(), rng.uniform(*DIRECT_DB), rng)
    if config.noise_db is not None and waveform.size:
        level = np.sqrt(np.mean(waveform.astype(np.float64) ** 2))
        noise = rng.standard_normal(waveform.shape, dtype=np.float32)
        waveform = waveform + noise * np.float32(level * 10 ** ((config.noise_db - rng.uniform(0, 20)) / 20))
    return waveform * np.float32(10 ** (config.gain_db * rng.uniform(-1, 1) / 20))


def add_reverb(waveform: np.ndarray, seconds: float, direct_db: float, rng: Generator) -> np.ndarray:
    """(samples,) float32: the waveform and its echoes in a room, which fall by 60 dB in `seconds`.

    The room answers a pulse with the pulse and, `direct_db` weaker, white noise that decays evenly on a scale of dB:
    Polack's model (J.-D. Polack, La transmission de l'energie sonore dans les salles, 1988).
    """
    from scipy.signal import fftconvolve  # a second, which only those who ask for rooms pay

    times = np.arange(1, round(seconds * SAMPLE_RATE) + 1) / SAMPLE_RATE
    echoes = rng.standard_normal(len(times)) * 10 ** (-3 * times / max(seconds, 1 / SAMPLE_RATE))
    energy = (echoes ** 2).sum()
    if energy:
        echoes *= 10 ** (-direct_db / 20) / np.sqrt(energy)
    return fftconvolve(waveform, np.concatenate([[1.0], echoes]))[:len(waveform)].astype(np.float32)

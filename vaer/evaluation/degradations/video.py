"""Frames made worse: (time, height, width, 3) uint8 in and out; what is random is the same at every strength."""

import io
import math

import numpy as np
import torch
from einops import rearrange
from numpy.random import Generator
from PIL import Image
from torch import Tensor

GAMMA = 2.2
"""Between light and the levels of a frame."""
FULL_WELL, READ_NOISE = 1000.0, 3.0
"""Electrons of a small sensor's pixel at white, and those that reading it adds."""
GREY = 127


def blur(frames: np.ndarray, percent: float, rng: Generator) -> np.ndarray:
    """A Gaussian whose sigma is `percent` of a frame's side."""
    from torchvision.transforms.v2 import functional as F

    side = min(frames.shape[1:3])
    sigma = side * percent / 100
    radius = min(math.ceil(3 * sigma), side - 1)
    return _frames(F.gaussian_blur(_images(frames), kernel_size=[2 * radius + 1] * 2, sigma=[sigma] * 2))


def occlude(frames: np.ndarray, percent: float, rng: Generator) -> np.ndarray:
    """A grey square that covers `percent` of every frame, in one place; a larger one covers the smaller ones."""
    from torchvision.transforms.v2 import functional as F

    height, width = frames.shape[1:3]
    down, right = rng.uniform(size=2)
    sides = [round(length * math.sqrt(percent / 100)) for length in (height, width)]
    top, left = round(down * (height - sides[0])), round(right * (width - sides[1]))
    return _frames(F.erase(_images(frames), top, left, *sides, torch.tensor(GREY, dtype=torch.uint8)))


def darken(frames: np.ndarray, stops: float, rng: Generator) -> np.ndarray:
    """Light halved `stops` times before it meets a sensor, whose noise stays: that of photons and that of reading."""
    from torchvision.transforms.v2 import functional as F

    light = F.adjust_gamma(_images(frames).float() / 255, gamma=GAMMA) * 2 ** -stops
    chance = torch.from_numpy(rng.standard_normal(tuple(light.shape), dtype=np.float32))
    light = light + chance * (light * FULL_WELL + READ_NOISE ** 2).sqrt() / FULL_WELL
    return _frames((F.adjust_gamma(light.clamp(0, 1), gamma=1 / GAMMA) * 255).round().to(torch.uint8))


def drop(frames: np.ndarray, percent: float, rng: Generator) -> np.ndarray:
    """Each frame but the first is lost by the chance of `percent`; the one before is shown instead, as players do."""
    kept = rng.uniform(size=len(frames)) >= percent / 100
    return frames[np.maximum.accumulate(np.where(kept, np.arange(len(frames)), 0))]


def jpeg(frames: np.ndarray, quality: float, rng: Generator) -> np.ndarray:
    """Every frame through JPEG."""
    made = np.empty_like(frames)
    for number, frame in enumerate(frames):
        store = io.BytesIO()
        Image.fromarray(frame).save(store, "JPEG", quality=round(quality))
        made[number] = Image.open(store)
    return made


def _images(frames: np.ndarray) -> Tensor:
    return rearrange(torch.from_numpy(np.ascontiguousarray(frames)), "time height width colour -> "
                                                                     "time colour height width")


def _frames(images: Tensor) -> np.ndarray:
    return np.ascontiguousarray(rearrange(images, "time colour height width -> time height width colour").numpy())

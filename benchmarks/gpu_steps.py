"""The network of `gpu.py`: how large it is, how many clips a second it learns from, and how many fit at once."""

import gc
from itertools import pairwise
from time import perf_counter
from typing import Any, NamedTuple

import torch
from accelerate.state import AcceleratorState
from accelerate.utils import send_to_device
from torch.utils.flop_counter import FlopCounterMode

from vaer.config import AudioConfig, Config, DataConfig, FusionConfig, ModelConfig, TrainConfig, VideoConfig, resolve
from vaer.demo.render import EMOTIONS
from vaer.models.network import VAER, network_settings
from vaer.records import Batch
from vaer.training.loop import train_epoch
from vaer.training.losses import clip_counts, emotion_loss
from vaer.training.optim import build_optimizer, build_scheduler
from vaer.training.run import build_accelerator


class Size(NamedTuple):
    """How large everything is."""

    matrix: int
    video: dict[str, Any]
    audio: dict[str, Any]
    frames: int
    pixels: int
    sound_s: float
    batch: int
    steps: int
    most: int  # clips that are tried at once
    rounds: int  # that every decoding process goes through
    workers: int
    epoch: int  # clips; RAVDESS has 1,440 of speech
    demo: dict[str, int]
    compiler: str


FULL = Size(8192, {"preset": "r50_8x8"}, {"preset": "wav2vec2_base"}, 32, 224, 4.0, 16, 12, 1024, 4, 16, 1440, {},
            "inductor")
# Of 32 pixels: at 16, oneDNN's bf16 gave noise for the gradient of a strided convolution over one pixel (torch 2.14.1).
SMALL = Size(128, {"preset": "tiny", "width": 4}, {"preset": "tiny", "dim": 16, "heads": 2, "layers": 1}, 4, 32, 0.5,
             2, 2, 5, 2, 1, 8, {"speakers": 3, "takes": 1, "size": 48}, "eager")
SMALL_FLAGS = ("--data.num_frames", 4, "--data.size", 32, "--model.video.preset", "tiny", "--model.video.width", 4,
               "--model.audio.preset", "tiny", "--model.audio.dim", 16, "--model.audio.heads", 2,
               "--model.audio.layers", 1, "--train.batch_size", 4)
VARIANTS = {"bf16": ("bf16", False, False), "bf16, checkpointing": ("bf16", True, False),
            "bf16, compiled": ("bf16", False, True), "bf16, checkpointing, compiled": ("bf16", True, True),
            "fp16": ("fp16", False, False), "float32": ("no", False, False)}


def flops_of_a_clip(bench):
    """Operations of convolutions, matrix products and attention in a training step, a clip."""
    config = settings(bench.size, "no")
    network, batch = VAER(settings=network_settings(config, EMOTIONS)).to(bench.device), random_batch(bench, 2)
    with FlopCounterMode(display=False) as counter:
        emotion_loss(network(batch), batch, clip_counts([batch]), config.train).backward()
    return counter.get_total_flops() / 2


class Trainer:
    """The network and all that a step needs."""

    def __init__(self, bench, precision, checkpointing, compiled):
        AcceleratorState._reset_state(reset_partial_state=True)  # else the precision of the row before stays
        config = settings(bench.size, precision, checkpointing)
        self.config, self.accelerator = config.train, build_accelerator(config)
        network = VAER(settings=network_settings(config, EMOTIONS))
        optimizer = build_optimizer(network, config.train)
        self.scheduler = build_scheduler(optimizer, config.train, 1000)
        self.network, self.optimizer = self.accelerator.prepare(network, optimizer)
        if compiled:
            self.network = torch.compile(self.network, backend=bench.size.compiler)

    def learn(self, batches, after_step):
        train_epoch(self.network, batches, self.optimizer, self.scheduler, self.accelerator, self.config, after_step)


def run_steps(bench, trainer, clips, number):
    """Seconds of each of two and `number` more steps, and the most memory that tensors took, GiB (None: no GPU)."""
    batch, ends = random_batch(bench, clips), [perf_counter()]
    release(bench)

    def after_step(_):
        synchronize(bench)
        ends.append(perf_counter())

    trainer.learn([batch] * (2 + number), after_step)
    gib = torch.cuda.max_memory_allocated() / 2**30 if bench.device.type == "cuda" else None
    return [end - start for start, end in pairwise(ends)], gib and round(gib, 2)


def largest(fits, first, most):
    """The largest number up to `most` that `fits`, to a sixteenth of it; 0 where not even 1 does."""
    low, high = 0, first
    while fits(high):
        low = high
        if low == most:
            return most
        high = min(2 * high, most)
    while high - low > max(1, low // 16):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def settings(size, precision, checkpointing=False):
    model = ModelConfig(
        video=VideoConfig(gradient_checkpointing=checkpointing, **size.video),
        audio=AudioConfig(gradient_checkpointing=checkpointing, **size.audio),
        fusion=FusionConfig(dim=256 if size is FULL else 16))
    train = TrainConfig(batch_size=size.batch, mixed_precision=precision, lr=1e-5)
    return resolve(Config(data=DataConfig(num_frames=size.frames, size=size.pixels, num_workers=0), model=model,
                          train=train))


def random_batch(bench, clips):
    size, samples = bench.size, round(bench.size.sound_s * 16_000)
    present = torch.ones(clips, dtype=torch.bool)
    rows = torch.arange(clips)
    batch = Batch(torch.randint(0, 256, (clips, size.frames, size.pixels, size.pixels, 3), dtype=torch.uint8),
                  torch.linspace(0, size.sound_s, size.frames).repeat(clips, 1), present,
                  torch.randn(clips, samples) * 0.1, torch.full((clips,), samples), present,
                  labels=rows % len(EMOTIONS), ids=rows, speakers=rows)
    return send_to_device(batch, bench.device)


def synchronize(bench):
    if bench.device.type == "cuda":
        torch.cuda.synchronize()


def release(bench):
    """Give back what the row before held, and begin to count anew."""
    gc.collect()
    if bench.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

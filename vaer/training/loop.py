"""One epoch of learning."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import islice

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from vaer.config import TrainConfig
from vaer.errors import RunError
from vaer.models.layers.speaker_norm import speaker_norms
from vaer.records import Batch
from vaer.training.anchor import Anchor
from vaer.training.losses import clip_counts, emotion_loss
from vaer.training.meter import Meter


def train_epoch(network: nn.Module, batches: Iterable[Batch], optimizer: Optimizer, scheduler: LRScheduler,
                accelerator: Accelerator, config: TrainConfig, after_step: Callable[[float], None],
                meter: Meter | None = None, anchor: Anchor | None = None) -> None:
    """Learn from all `batches`, `config.accumulation` of them a step.

    The micro-batches of a step are read together, since each is divided by the counts of all, over processes too.
    The loss is multiplied by the number of processes because DDP averages gradients. `after_step` gets the loss of
    the step over all processes, `meter` every answer and gradient. `anchor` adds its penalty to the loss, once a step.
    A loss or a gradient that is not finite raises RunError.
    """
    network.train()
    for step in _steps(batches, config.accumulation):
        counts = accelerator.reduce(clip_counts(step), reduction="sum")
        total = torch.zeros((), device=accelerator.device)
        for number, batch in enumerate(step, start=1):
            with nullcontext() if number == len(step) else accelerator.no_sync(network):
                output = network(batch)
                loss = emotion_loss(output, batch, counts, config)
                if anchor is not None and number == len(step):  # each process a share, as of the clips
                    loss = loss + anchor.penalty() / accelerator.num_processes
                accelerator.backward(loss * accelerator.num_processes)
            if meter is not None:
                meter.add(output, batch)
            total += loss.detach()
        total = accelerator.reduce(total, reduction="sum")
        if not torch.isfinite(total):
            raise RunError(_not_finite(total.item(), step, config))
        norm = None
        if config.clip_norm:
            norm = accelerator.clip_grad_norm_(network.parameters(), config.clip_norm)
            if accelerator.scaler is None and norm is not None and not torch.isfinite(norm):  # fp16 skips such a step
                raise RunError(_not_finite(total.item(), step, config, gradient=norm.item()))
        if meter is not None:
            if not config.clip_norm:  # else they are already
                accelerator.unscale_gradients()
            meter.close_step(total, config.clip_norm, norm)
        optimizer.step()
        if not accelerator.optimizer_step_was_skipped:  # fp16 skips a step whose gradients overflow
            scheduler.step()
        optimizer.zero_grad()
        for norm in speaker_norms(network):
            norm.learn(accelerator.reduce(norm.memory.step, reduction="sum"))
        after_step(total.item())


def _steps(batches: Iterable[Batch], accumulation: int) -> Iterator[list[Batch]]:
    iterator = iter(batches)
    while step := list(islice(iterator, accumulation)):
        yield step


def _not_finite(loss: float, step: list[Batch], config: TrainConfig, gradient: float | None = None) -> str:
    what = f"The loss became {loss}" if gradient is None else f"The gradient's norm became {gradient} (loss {loss:.3g})"
    ids = sorted(int(index) for batch in step for index in batch.ids)
    return (f"{what} on the training clips number {ids}: lower --train.lr (now {config.lr}), lengthen "
            f"--train.warmup (now {config.warmup}), or try --train.mixed_precision bf16 or no instead of fp16.")

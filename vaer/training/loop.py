"""One epoch of learning."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import islice

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from vaer.config import TrainConfig
from vaer.errors import RunError
from vaer.models.layers.speaker_norm import speaker_norms
from vaer.records import Batch
from vaer.training.anchor import Anchor
from vaer.training.losses import clip_counts, emotion_loss, head_losses
from vaer.training.meter import Meter
from vaer.training.modulation import Modulation, true_class_scores
from vaer.training.pareto import Pareto
from vaer.training.readings import Readings


def train_epoch(network: nn.Module, batches: Iterable[Batch], optimizer: Optimizer, scheduler: LRScheduler,
                accelerator: Accelerator, config: TrainConfig, after_step: Callable[[Tensor], None],
                meter: Meter | None = None, anchor: Anchor | None = None, *,
                class_weights: Tensor | None = None, modulation: Modulation | None = None,
                pareto: Pareto | None = None) -> None:
    """Learn from all `batches`, `config.accumulation` of them a step.

    The micro-batches of a step are read together, since each is divided by the counts of all, over processes too.
    The loss is multiplied by the number of processes because DDP averages gradients. `after_step` gets the loss of
    the step over all processes, a number on the device, `meter` every answer and gradient. `anchor` adds its penalty to
    the loss, once a step; `class_weights` are on the device. `modulation` scales the gradient of a whole step, before
    it is clipped, by what heads said of all its clips; `pareto`, in its place, puts two gradients of each branch
    together, of steps that are one batch. A loss or a gradient that is not finite raises RunError: before its step on
    a processor, a step or two later on a GPU, which is not waited for.
    """
    network.train()
    readings, norms = Readings(accelerator.device), speaker_norms(network)
    for step in _steps(batches, config.accumulation):
        counts = accelerator.reduce(clip_counts(step), reduction="sum")
        sums = torch.zeros(3, device=accelerator.device)  # the loss, and what both heads give the true classes
        for number, batch in enumerate(step, start=1):
            with nullcontext() if number == len(step) else accelerator.no_sync(network):
                output = network(batch)
                loss = emotion_loss(output, batch, counts, config, class_weights)
                if anchor is not None and number == len(step):  # each process a share, as of the clips
                    loss = loss + anchor.penalty() / accelerator.num_processes
                if pareto is not None:
                    pareto.keep(head_losses(output, batch, counts, config, class_weights)[1:].sum())
                accelerator.backward(loss * accelerator.num_processes)
            if meter is not None:
                meter.add(output, batch)
            sums[0] += loss.detach()
            if modulation is not None:
                sums[1:] += true_class_scores(output, batch)
        sums = accelerator.reduce(sums, reduction="sum")
        total, factors = sums[0], None if modulation is None else modulation.apply(sums[1:])
        if pareto is not None:
            factors = pareto.apply()
        norm = accelerator.clip_grad_norm_(network.parameters(), config.clip_norm) if config.clip_norm else None
        numbers = [total]
        if norm is not None and accelerator.scaler is None:  # fp16 skips steps whose gradients overflow
            numbers.append(_whole(norm).to(total.dtype))
        readings.add(torch.stack(numbers), partial(_require_finite, [batch.ids for batch in step], config))
        if meter is not None:
            if not config.clip_norm:  # else they are already
                accelerator.unscale_gradients()
            meter.close_step(total, config.clip_norm, norm, factors)
        optimizer.step()
        if not accelerator.optimizer_step_was_skipped:  # fp16 skips a step whose gradients overflow
            scheduler.step()
        optimizer.zero_grad()
        for speakers in norms:
            speakers.learn(accelerator.reduce(speakers.memory.step, reduction="sum"))
        after_step(total)
    readings.finish()


def _steps(batches: Iterable[Batch], accumulation: int) -> Iterator[list[Batch]]:
    iterator = iter(batches)
    while step := list(islice(iterator, accumulation)):
        yield step


def _whole(norm: Tensor) -> Tensor:
    """The norm of gradients, of which each process holds a share where weights are sharded."""
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm


def _require_finite(ids: list[Tensor], config: TrainConfig, numbers: list[float]) -> None:
    """Raise RunError for a loss or, after it, the norm of a gradient that is none."""
    if all(map(math.isfinite, numbers)):
        return
    loss, *norm = numbers
    what = (f"The gradient's norm became {norm[0]} (loss {loss:.3g})" if math.isfinite(loss)
            else f"The loss became {loss}")
    clips = sorted(int(index) for part in ids for index in part)
    raise RunError(f"{what} on the training clips number {clips}: lower --train.lr (now {config.lr}), lengthen "
                   f"--train.warmup (now {config.warmup}), or try --train.mixed_precision bf16 or no instead of fp16.")

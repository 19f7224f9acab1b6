"""What training shows of itself: losses, recalls and gradient norms, summed on the device and read once an interval."""

import math
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from vaer.models.network import VAER
from vaer.records import Batch, MixedBatch, Output
from vaer.training.losses import clip_losses, over_labels


class Meter:
    """Sums over the clips and steps of an interval and of an epoch, over all processes once they are read.

    Of the whole network's answer and, where it has two branches, of each branch's own: the mean cross-entropy without
    label smoothing (`nll`) and the UAR over the clips that have the modality, as they were learned from, dropout and
    augmentation included. Of each part that learns: the norm of its gradient before it is clipped. Of a modulated run:
    the factors of gradients, by their names `factors`.
    """

    def __init__(self, network: VAER, accelerator: Accelerator, factors: tuple[str, ...] = ()) -> None:
        self.accelerator = accelerator
        self.sides = ["", *(f"_{name}" for name in network.branches)] if network.fusion is not None else [""]
        self.num_classes = len(network.classes)
        self.parts = learning_parts(network)
        self.norms = ["grad_norm", *(f"grad_norm_{name}" for name in self.parts), *factors]
        # steps, the loss, its steps, norms, their steps, then of each side the nll and the confusion
        width = 2 + 2 * len(self.norms) + len(self.sides) * (1 + self.num_classes ** 2)
        self.interval = torch.zeros(width, device=accelerator.device)
        self.epoch = [0.0] * width

    @torch.no_grad()
    def add(self, output: Output, batch: Batch | MixedBatch) -> None:
        """Count the clips of a micro-batch; of a mixed one the label with the larger share is the one to be found."""
        everything = torch.ones_like(batch.has_video)
        answers = {"": (output.logits, everything), "_video": (output.video_logits, batch.has_video),
                   "_audio": (output.audio_logits, batch.has_audio)}
        place = 2 + 2 * len(self.norms)
        for side in self.sides:
            logits, present = answers[side]
            logits, weight = logits.detach().float(), present.float()
            self.interval[place] += (over_labels(batch, partial(clip_losses, logits)) * weight).sum()
            cells = place + 1 + batch.labels * self.num_classes + logits.argmax(1)
            self.interval.index_add_(0, cells, weight)
            place += 1 + self.num_classes ** 2

    @torch.no_grad()
    def close_step(self, loss: Tensor, clip_norm: float, norm: Tensor | None, factors: Tensor | None = None) -> None:
        """End a step of this `loss` over all processes, before its gradients go; `norm` is what `clip_norm` clipped."""
        norms = torch.stack([_norm(parameters, loss.device) for parameters in self.parts.values()])
        if clip_norm and norm is not None:
            norms = norms / (clip_norm / (norm + 1e-6)).clamp(max=1)  # as they were before
        norms = torch.cat([norms.square().sum().sqrt()[None], norms, *([] if factors is None else [factors])])
        known = norms.isfinite()  # fp16 skips steps whose gradients overflow
        numbers = torch.cat([torch.ones_like(loss)[None], loss.detach()[None],
                             torch.where(known, norms, torch.zeros_like(norms)), known.to(norms.dtype)])
        self.interval[:len(numbers)] += numbers

    def read(self) -> dict[str, float]:
        """The means since the last call, over all processes, which call it together; they then count for the epoch."""
        self.gather()
        counts = self.interval.tolist()
        self.epoch = [whole + part for whole, part in zip(self.epoch, counts, strict=True)]
        self.interval.zero_()
        return self._means(counts)

    def read_epoch(self) -> dict[str, float]:
        """The means of the epoch up to the last `read`; the next epoch begins."""
        means, self.epoch = self._means(self.epoch), [0.0] * len(self.epoch)
        return means

    def gather(self) -> None:
        """Let the first process hold the sums of all, the others none; all call it together."""
        total = self.accelerator.reduce(self.interval.clone(), reduction="sum")
        self.interval = total if self.accelerator.is_main_process else torch.zeros_like(total)
        if not self.accelerator.is_main_process:
            self.epoch = [0.0] * len(self.epoch)

    def state(self) -> dict[str, Any]:
        """What a resumed run takes up, after `gather`."""
        return {"interval": self.interval.tolist(), "epoch": list(self.epoch)}

    def restore(self, state: dict[str, Any] | None) -> None:
        """Take up what `state` gave; None, of a run that an older vaer began, leaves the epoch's first steps out."""
        if state is None or not self.accelerator.is_main_process:
            return
        self.interval = torch.tensor(state["interval"], device=self.interval.device)
        self.epoch = list(state["epoch"])

    def _means(self, counts: list[float]) -> dict[str, float]:
        steps, loss, *rest = counts
        if not steps:
            return {}
        number = len(self.norms)
        sums, known, rest = rest[:number], rest[number:2 * number], rest[2 * number:]
        found = {"loss": loss / steps}
        for number, side in enumerate(self.sides):
            width = 1 + self.num_classes ** 2
            nll, *confusion = rest[number * width:(number + 1) * width]
            if clips := sum(confusion):
                found |= {f"nll{side}": nll / clips, f"uar{side}": _uar(confusion, self.num_classes)}
        return found | {name: total / steps for name, total, steps in zip(self.norms, sums, known, strict=True)
                        if steps}


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """The rate of the fusion and the heads, and of the last layer of each branch that learns; costs no device."""
    found: dict[str, float] = {}
    for group in optimizer.param_groups:  # from input to output: a branch's last layer comes last
        part = group["name"].split(".")[0]
        found["lr" if part == "fusion" else f"lr_{part}"] = float(group["lr"])
    return found


def learning_parts(network: VAER) -> dict[str, list[nn.Parameter]]:
    """The parameters that learn, those of the fusion and all heads together."""
    groups: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            top = name.split(".")[0]
            groups.setdefault(top if top in ("video", "audio") else "fusion", []).append(parameter)
    return groups


def _norm(parameters: list[nn.Parameter], device: torch.device) -> Tensor:
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return get_total_norm(gradients).float() if gradients else torch.zeros((), device=device)


def _uar(confusion: list[float], num_classes: int) -> float:
    rows = [confusion[start:start + num_classes] for start in range(0, len(confusion), num_classes)]
    recalls = [row[number] / sum(row) for number, row in enumerate(rows) if sum(row)]
    return math.fsum(recalls) / len(recalls)

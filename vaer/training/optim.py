"""Which parameter learns how fast."""

import math
from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from vaer.config import TrainConfig
from vaer.models.network import VAER


class Part(NamedTuple):
    """Modules that share a learning rate."""

    name: str
    modules: list[nn.Module]
    lr: float


def parts(network: VAER, config: TrainConfig) -> list[Part]:
    """The network from input to output with the peak learning rate of each part.

    A branch's last layer learns at the branch's rate, each one before it `layer_decay` times as fast as the next
    (ULMFiT's discriminative rates, Howard & Ruder 2018, arXiv 1801.06146, with the factor of BEiT's fine-tuning).
    """
    found = []
    for name, branch, lr in (("video", network.video, config.video_lr), ("audio", network.audio, config.audio_lr)):
        layers = branch.layers() if branch is not None else []
        found += [Part(f"{name}.{number}", modules, lr * config.layer_decay ** (len(layers) - 1 - number))
                  for number, modules in enumerate(layers)]
    others = [module for module in (network.video_head, network.audio_head, network.fusion) if module is not None]
    return [*found, Part("fusion", others, config.lr)]


def build_optimizer(network: VAER, config: TrainConfig) -> Optimizer:
    """AdamW or SGD over the parameters that learn; biases, norms and other vectors have no weight decay."""
    groups = []
    for part in parts(network, config):
        learning = [p for module in part.modules for p in module.parameters() if p.requires_grad]
        for decay, chosen in ((config.weight_decay, [p for p in learning if p.ndim > 1]),
                              (0.0, [p for p in learning if p.ndim <= 1])):
            if chosen:
                groups.append({"params": chosen, "lr": part.lr, "weight_decay": decay, "name": part.name})
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9)
    # One pass over memory instead of eight. On GPUs a fused step hides from accelerate when fp16 skips it.
    return torch.optim.AdamW(groups, lr=config.lr, fused=not torch.accelerator.is_available())


def build_scheduler(optimizer: Optimizer, config: TrainConfig, total_steps: int) -> LambdaLR:
    """A straight climb from 0 over the share `warmup` of all steps, then half a cosine down to 0.

    With `thaw` a layer of a branch stays at 0 until its turn; the course of the rates is the same for all.
    """
    warmup_steps = round(config.warmup * total_steps)

    def factor(begins: int, step: int) -> float:
        if step < begins:
            return 0.0
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    names = [group["name"] for group in optimizer.param_groups]
    return LambdaLR(optimizer, [partial(factor, begins) for begins in thawing(names, round(config.thaw * total_steps))])


def thawing(names: list[str], steps: int) -> list[int]:
    """The step at which each group begins to learn: the last layer of a branch at 0, its first one at `steps`.

    A name is a branch and the number of a layer from its input, `audio.3`; other groups begin at 0.
    """
    placed = [name.split(".") for name in names]
    layers = {branch: [int(number[0]) for other, *number in placed if number and other == branch]
              for branch, *number in placed if number}
    return [round(steps * (max(layers[branch]) - int(number[0])) / max(1, max(layers[branch]) - min(layers[branch])))
            if number else 0 for branch, *number in placed]

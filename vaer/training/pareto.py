"""Gradients of the branches where the fused answer and their own heads pull against each other."""

import torch
from accelerate import Accelerator
from torch import Tensor

from vaer.checks import require
from vaer.models.network import VAER
from vaer.training.meter import learning_parts

SHARES = ("pareto_video", "pareto_audio")
"""What the log calls the share of the fused answer in a branch's gradient; half is the plain sum."""
GAIN = 1.5
"""By which the paper enlarges the gradient of a branch, whatever its direction."""


class Pareto:
    """MMPareto (Wei and Hu 2024, arXiv 2405.17730): one direction that serves both losses of a branch.

    A step costs one backward pass more, of the heads' losses through the branches, whose gradient is kept beside the
    other.
    """

    def __init__(self, network: VAER, accelerator: Accelerator) -> None:
        require(accelerator.scaler is None, "--train.mmpareto true compares gradients, of which mixed precision fp16 "
                                            "scales some alone; take --train.mixed_precision bf16 or no.")
        self.accelerator = accelerator
        parts = learning_parts(network)
        self.branches = [parts.get(name, []) for name in ("video", "audio")]
        require(any(self.branches), "--train.mmpareto true weighs the gradients of the branches, of which none learns; "
                                    "thaw one (--model.video.freeze false, --model.audio.freeze false), or leave it "
                                    "out.")
        self.kept: list[Tensor] = []

    def keep(self, loss: Tensor) -> None:
        """Take the gradient of the heads' `loss`, a process's part of the step's, before that of the whole one."""
        parameters = [parameter for branch in self.branches for parameter in branch]
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True)
        summed = self.accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="sum")
        self.kept = list(summed.split([sum(map(torch.numel, branch)) for branch in self.branches]))

    @torch.no_grad()
    def apply(self) -> Tensor:
        """Put both gradients of each branch together, in place; (2,): the shares of the fused answer."""
        return torch.stack([_combine(branch, own) for branch, own in zip(self.branches, self.kept, strict=True)])


def _combine(parameters: list[torch.nn.Parameter], own: Tensor) -> Tensor:
    whole = torch.cat([(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad).flatten()
                       for parameter in parameters])
    share, combined = combine(whole - own, own)
    for parameter, part in zip(parameters, combined.split([one.numel() for one in parameters]), strict=True):
        if parameter.grad is not None:
            parameter.grad.copy_(part.view_as(parameter))
    return share


def combine(answer: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """The share of `answer`, and the gradient (values,) made of it and of a branch's `own`.

    Gradients that agree are added. Of two that do not, the shortest point between them is taken, at least as long as
    their plain sum. Both are then enlarged by `GAIN`.
    """
    difference = own - answer
    shortest = (difference @ own / (difference @ difference)).clamp(0, 1)
    share = torch.where(answer @ own < 0, shortest, torch.full_like(shortest, 0.5))
    combined = 2 * (share * answer + (1 - share) * own)
    length = combined.norm()
    longer = torch.where(length > 0, ((answer + own).norm() / length).clamp(min=1), torch.ones_like(length))
    return share, GAIN * longer * combined

"""Gradients of the branch that is ahead, scaled down so that the other one catches up."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaer.models.network import VAER
from vaer.records import Batch, MixedBatch, Output
from vaer.training.losses import over_labels
from vaer.training.meter import learning_parts

COEFFICIENTS = ("ogm_video", "ogm_audio")
"""What the log calls the factors of the branches' gradients."""


class Modulation:
    """On-the-fly gradient modulation (OGM-GE, Peng et al. 2022, arXiv 2203.15332), saved and restored with the run.

    Differs from it: what a branch knows is said by its own head, since attention has no last layer that splits into
    modalities; every weight of a branch is meant, since a transformer has no kernels; it acts to the end of the run.
    """

    def __init__(self, network: VAER, strength: float, *, noise: bool, seed: int) -> None:
        self.strength, self.noise, self.seed, self.steps = strength, noise, seed, 0
        parts = learning_parts(network)
        self.parameters = [parts.get(name, []) for name in ("video", "audio")]

    @torch.no_grad()
    def apply(self, scores: Tensor) -> Tensor:
        """Scale the gradients of a step by `coefficients` of its `scores`, which are the answer; each process the same.

        With `noise` every gradient then gets white noise of its own deviation from before.
        """
        factors = coefficients(scores, self.strength)
        generator = self._generator(scores.device) if self.noise else None
        for parameters, factor in zip(self.parameters, factors, strict=True):
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            deviations = [gradient.std(correction=0) for gradient in gradients] if self.noise else []
            if gradients:
                torch._foreach_mul_(gradients, factor)
            for gradient, deviation in zip(gradients, deviations, strict=False):
                gradient += deviation * torch.randn(gradient.shape, generator=generator, device=gradient.device)
        self.steps += 1
        return factors

    def _generator(self, device: torch.device) -> torch.Generator:
        """Noise of this step: the same on all processes, whose weights would drift apart, and after a resumption."""
        drawn = np.random.SeedSequence((self.seed, self.steps)).generate_state(1, np.uint64)
        return torch.Generator(device).manual_seed(int(drawn[0]))

    def state_dict(self) -> dict[str, Any]:
        """How many steps drew noise."""
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.steps = state["steps"]


@torch.no_grad()
def true_class_scores(output: Output, batch: Batch | MixedBatch) -> Tensor:
    """(2,): sums of the probabilities that the heads of video and audio give the labels, over clips that have both."""
    both = (batch.has_video & batch.has_audio).float()
    return torch.stack([(over_labels(batch, partial(_probabilities, logits)) * both).sum()
                        for logits in (output.video_logits, output.audio_logits)])


def _probabilities(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.float().softmax(1).gather(1, labels[:, None])[:, 0]


def coefficients(scores: Tensor, strength: float) -> Tensor:
    """(2,): 1 - tanh(strength times ratio) for the branch whose score is the higher one by this ratio, else 1.

    No clip with both modalities, two scores of 0, leaves both branches alone.
    """
    ratios = scores / scores.flip(0)  # 0 / 0 is NaN, and not above 1
    return torch.where(ratios > 1, 1 - torch.tanh(strength * ratios), torch.ones_like(ratios))

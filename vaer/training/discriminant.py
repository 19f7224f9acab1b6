"""A linear discriminant whose covariance is shrunk: a head in closed form that answers well for people it never saw."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaer.training.losses import clip_losses

SHRINKAGES = (1.0, 0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
"""What is tried; of equal ones the first is taken."""
GROUPS = 4
SHARPEST, SOFTEST = 0.02, 1e6  # temperatures looked at; thousands of dimensions make a discriminant far too sure
LEAST_DEVIATION = 1e-3  # floor of the deviation within classes, as a share of that over all clips
ROUNDING = 1e-6  # of a dimension's mean: what varies by less does not vary
UNSEEN = 0.5  # clips that a class without any counts as


class Discriminant(NamedTuple):
    """Linear scores, and how much to believe them."""

    weight: Tensor
    """(classes, dim) float64."""
    bias: Tensor
    """(classes,) float64."""
    shrinkage: float
    left_out: float | None
    """Mean cross-entropy, weighted by class, of the clips that were left out in turn; none of a single clip."""


def fit_discriminant(vectors: Tensor, labels: Tensor, speakers: Tensor, num_classes: int,
                     class_weights: Tensor | None = None) -> Discriminant:
    """Linear discriminant analysis of `vectors` (clips, dim) for people who are not among `speakers` (clips,).

    Classes have a mean each and one covariance. Its correlations are shrunk towards 0 (Schaefer and Strimmer 2005), by
    as much as answers best for speakers left out: they are dealt into GROUPS, and each group is scored by a
    discriminant of the others. The temperature is chosen with it. Both then serve the discriminant of all clips. Clips
    of a single speaker are dealt instead. They count by `class_weights` (classes,) of their label.
    """
    vectors, labels = vectors.detach().double().cpu(), labels.cpu()
    weights = (torch.ones(num_classes) if class_weights is None else class_weights.cpu()).double()
    if len(labels) < 2:
        return Discriminant(torch.zeros(num_classes, vectors.shape[1]).double(), _priors(labels, weights), 1.0, None)
    groups = _groups(speakers.cpu(), labels)
    scores = torch.zeros(len(SHRINKAGES), len(labels), num_classes, dtype=torch.float64)
    priors = torch.zeros(len(labels), num_classes, dtype=torch.float64)
    for group in groups.unique():
        held = groups == group
        priors[held] = _priors(labels[~held], weights)
        for number, (weight, offset) in enumerate(_discriminants(vectors[~held], labels[~held], weights, SHRINKAGES)):
            scores[number, held] = vectors[held] @ weight.T + offset
    tried = [_temperature(each, priors, labels, weights) for each in scores]
    best = min(range(len(SHRINKAGES)), key=lambda number: tried[number][1])
    temperature, left_out = tried[best]
    weight, offset = next(_discriminants(vectors, labels, weights, [SHRINKAGES[best]]))
    return Discriminant(weight / temperature, offset / temperature + _priors(labels, weights), SHRINKAGES[best],
                        left_out)


def _groups(speakers: Tensor, labels: Tensor) -> Tensor:
    """(clips,): the group of each clip, that of its speaker; clips of a single speaker are dealt class by class."""
    places = speakers.unique(return_inverse=True)[1]
    if places.max() > 0:
        return places % GROUPS
    groups = torch.empty_like(labels)
    groups[labels.argsort(stable=True)] = torch.arange(len(labels)) % GROUPS
    return groups


def _discriminants(vectors: Tensor, labels: Tensor, class_weights: Tensor,
                   shrinkages: Sequence[float]) -> Iterator[tuple[Tensor, Tensor]]:
    """For each shrinkage weight (classes, dim) and offset (classes,) of the scores, without the classes' priors.

    A class without clips has the mean of all, and so a score of 0.
    """
    counts = torch.bincount(labels, minlength=len(class_weights)).unsqueeze(1)
    shares = (class_weights[labels] / class_weights[labels].sum()).unsqueeze(1)  # (clips, 1)
    middle = (shares * vectors).sum(0)
    centered = vectors - middle
    means = torch.zeros(len(class_weights), vectors.shape[1], dtype=vectors.dtype).index_add_(0, labels, centered)
    means /= counts.clamp(min=1)
    within = centered - means[labels]
    overall = (shares * centered.square()).sum(0).sqrt()
    scale = (shares * within.square()).sum(0).sqrt().maximum(LEAST_DEVIATION * overall)
    scale[overall <= ROUNDING * middle.abs()] = torch.inf
    within, means = shares.sqrt() * within / scale, means / scale
    wide = len(within) < within.shape[1]
    sizes, axes = torch.linalg.eigh(within @ within.T if wide else within.T @ within)  # the smaller of both
    along = axes.T @ (within @ means.T if wide else means.T)
    for shrinkage in shrinkages:
        # The inverse of (1 - shrinkage) * within.T @ within + shrinkage * identity, by Woodbury where that is wide.
        weight = (axes @ (along / ((1 - shrinkage) * sizes + shrinkage).unsqueeze(1))).T
        if wide:
            weight = (means - (1 - shrinkage) * weight @ within) / shrinkage
        offset = -(weight * means).sum(1) / 2
        weight = weight / scale
        yield weight, offset - weight @ middle


def _priors(labels: Tensor, class_weights: Tensor) -> Tensor:
    """(classes,) logarithms of how frequent the classes are, counted by their weights."""
    counts = (torch.bincount(labels, minlength=len(class_weights)) * class_weights).clamp(min=UNSEEN)
    return (counts / counts.sum()).log()


def _temperature(scores: Tensor, priors: Tensor, labels: Tensor, class_weights: Tensor) -> tuple[float, float]:
    """The temperature of `scores` (clips, classes) that makes the labels likeliest, and their mean cross-entropy."""
    from scipy.optimize import minimize_scalar  # half a second at the start

    def loss(log_temperature: float) -> float:
        logits = scores / np.exp(log_temperature) + priors
        return clip_losses(logits, labels, class_weights=class_weights).mean().item()

    found = minimize_scalar(loss, bounds=(np.log(SHARPEST), np.log(SOFTEST)), method="bounded")
    return float(np.exp(found.x)), float(found.fun)

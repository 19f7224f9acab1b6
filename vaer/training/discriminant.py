"""A linear discriminant whose covariance is shrunk: a head in closed form that answers well for people it never saw."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SHRINKAGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
GROUPS = 4
SHARPEST, SOFTEST = 0.02, 1000.0  # temperatures looked at; thousands of dimensions make a discriminant far too sure
LEAST_DEVIATION = 1e-3  # within classes, of that over all clips: one dimension is never all that counts
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
    """Mean cross-entropy of the clips that were left out in turn; none where nothing could be left out."""


def fit_discriminant(vectors: Tensor, labels: Tensor, speakers: Tensor, num_classes: int,
                     class_weights: Tensor | None = None) -> Discriminant:
    """Linear discriminant analysis of `vectors` (clips, dim) for people who are not among `speakers` (clips,).

    Classes have a mean each and one covariance, whose correlations are shrunk towards 0 (Friedman 1989, Regularized
    Discriminant Analysis; Schaefer and Strimmer 2005, with variances as they are). Speakers are dealt into GROUPS; each
    group is scored by a discriminant of the others. The one of SHRINKAGES, and the temperature, that make the labels of
    all of them likeliest are taken, and the discriminant of all clips with both is the result. With fewer speakers than
    groups, clips are dealt. Clips count by `class_weights` (classes,) of their label.
    """
    vectors, labels = vectors.detach().double().cpu(), labels.cpu()
    weights = torch.ones(num_classes) if class_weights is None else class_weights.cpu()
    weights = weights.double()
    if len(labels) < 2:
        weight, offset = next(_discriminants(vectors, labels, weights, [1.0]))
        return Discriminant(weight, offset + _priors(labels, weights), 1.0, None)
    places = speakers.cpu().unique(return_inverse=True)[1]
    groups = (places if places.max() >= GROUPS - 1 else torch.arange(len(labels))) % GROUPS
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


def _discriminants(vectors: Tensor, labels: Tensor, class_weights: Tensor,
                   shrinkages: list[float] | tuple[float, ...]) -> Iterator[tuple[Tensor, Tensor]]:
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
    square = within @ within.T if wide else within.T @ within  # the smaller of both
    for shrinkage in shrinkages:
        # The inverse of (1 - shrinkage) * within.T @ within + shrinkage * identity, by Woodbury where that is wide.
        shrunk = (1 - shrinkage) * square + shrinkage * torch.eye(len(square), dtype=square.dtype)
        weight = torch.linalg.solve(shrunk, within @ means.T if wide else means.T).T
        if wide:
            weight = (means - (1 - shrinkage) * weight @ within) / shrinkage
        offset = -(weight * means).sum(1) / 2
        weight = weight / scale
        yield weight, offset - weight @ middle


def _priors(labels: Tensor, class_weights: Tensor) -> Tensor:
    """(classes,) logarithms of how frequent the classes are, counted by their weights."""
    counts = torch.bincount(labels, minlength=len(class_weights)).double().clamp(min=UNSEEN) * class_weights
    return counts.clamp(min=torch.finfo(torch.float64).tiny).log() - counts.sum().log()


def _temperature(scores: Tensor, priors: Tensor, labels: Tensor, class_weights: Tensor) -> tuple[float, float]:
    """The temperature of `scores` (clips, classes) that makes the labels likeliest, and their mean cross-entropy."""
    from scipy.optimize import minimize_scalar  # half a second at the start

    def loss(log_temperature: float) -> float:
        each = F.cross_entropy(scores / np.exp(log_temperature) + priors, labels, reduction="none")
        return (each * class_weights[labels]).mean().item()

    found = minimize_scalar(loss, bounds=(np.log(SHARPEST), np.log(SOFTEST)), method="bounded")
    return float(np.exp(found.x)), float(found.fun)

"""Whether probabilities can be taken at their word, and one temperature that mends them."""

from typing import Any

import numpy as np
from scipy.special import log_softmax

BINS = 15
SOFTEST, SHARPEST = 20.0, 0.05  # temperatures looked at
SMALLEST = 1e-12  # probability, before its logarithm
PRIOR = 0.5  # deviation of the logarithm of a temperature before any clip was seen: 0.6 to 1.6 are usual
UNCHANGED = 1.0
"""The temperature where none was kept: answers stay as they are."""


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """How often answers (clips, classes) of like confidence are right, in 15 equal bins; empty bins are left out."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [{"from": int(number) / BINS, "to": (int(number) + 1) / BINS, "clips": int((bins == number).sum()),
             "confidence": float(confidence[bins == number].mean()), "right": float(right[bins == number].mean())}
            for number in np.unique(bins)]


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error over the bins of `reliability` (Guo 2017, arXiv 1706.04599).

    The mean distance, over clips, between the confidence of a bin's answers and the share of them that is right.
    """
    return float(sum(abs(row["right"] - row["confidence"]) * row["clips"]
                     for row in reliability(probabilities, labels)) / len(labels))


def choose_temperature(probabilities: np.ndarray, labels: np.ndarray, speakers: np.ndarray) -> float:
    """The temperature of clips that are not scored: validation speakers; 1 where none can be trusted.

    One is kept if, fitted on all speakers but one, it makes the clips of that one likelier, over all speakers
    together. With a single speaker nothing can be tried so, and clips that are all answered right do not tell how sure
    a wrong answer is: then none is kept.
    """
    logits = np.log(probabilities.clip(min=SMALLEST))
    groups = np.unique(speakers)
    if len(groups) < 2 or (probabilities.argmax(axis=1) == labels).all():
        return UNCHANGED
    gain = 0.0
    for speaker in groups:
        own = speakers == speaker
        fitted = fit_temperature(probabilities[~own], labels[~own])
        gain += _surprise(logits[own], labels[own], 1.0) - _surprise(logits[own], labels[own], fitted)
    return fit_temperature(probabilities, labels) if gain > 0 else UNCHANGED


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The likeliest temperature given some clips, if its logarithm is normal around 0 with the deviation 0.5 before.

    Without that prior, clips that are all answered right would want it as sharp as is looked for.
    """
    from scipy.optimize import minimize_scalar  # half a second at the start

    logits = np.log(probabilities.clip(min=SMALLEST))

    def loss(log_temperature: float) -> float:
        return _surprise(logits, labels, np.exp(log_temperature)) + (log_temperature / PRIOR) ** 2 / 2

    found = minimize_scalar(loss, bounds=(np.log(SHARPEST), np.log(SOFTEST)), method="bounded")
    return float(np.exp(found.x))


def _surprise(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """The negative log-likelihood of all labels together."""
    return -float(log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].sum())


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (clips, classes) whose logarithms are divided by `temperature`; above 1 they become softer."""
    return np.exp(log_softmax(np.log(probabilities.clip(min=SMALLEST)) / temperature, axis=1))

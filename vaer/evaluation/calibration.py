"""Whether probabilities can be taken at their word, and one temperature that mends them."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

BINS = 15
SOFTEST, SHARPEST = 20.0, 0.05  # temperatures looked at
SMALLEST = 1e-12  # probability, before its logarithm


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error of probabilities (clips, classes) in 15 equal bins (Guo 2017, arXiv 1706.04599).

    The mean distance, over clips, between the confidence of a bin's answers and the share of them that is right.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(right[bins == number].mean() - confidence[bins == number].mean()) * (bins == number).mean()
            for number in np.unique(bins)]
    return float(sum(gaps))


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the lowest negative log-likelihood on clips that are not scored: validation speakers."""
    logits = np.log(probabilities.clip(min=SMALLEST))

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(scaled[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(SHARPEST), np.log(SOFTEST)), method="bounded")
    return float(np.exp(found.x))


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (clips, classes) whose logarithms are divided by `temperature`; above 1 they become softer."""
    return np.exp(log_softmax(np.log(probabilities.clip(min=SMALLEST)) / temperature, axis=1))

"""How much a clip of each class counts."""

import numpy as np
import torch
from torch import Tensor


def balanced_weights(labels: list[int], num_classes: int) -> Tensor:
    """(classes,) float32: inverse numbers of clips, such that the mean over all `labels` is 1.

    Every class that has clips so counts alike in sum. One without any weighs 0.
    """
    counts = np.bincount(labels, minlength=num_classes)
    weights = len(labels) / (np.count_nonzero(counts) * counts.clip(min=1)) * (counts > 0)
    return torch.from_numpy(weights).float()

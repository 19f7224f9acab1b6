"""The network's answers for a list of clips, from all processes, each clip exactly once."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from vaer.records import Batch


class Predictions(NamedTuple):
    """Answers in the order of the list of items."""

    probabilities: np.ndarray
    """(clips, classes), the mean over the views of a clip."""
    labels: np.ndarray
    """(clips,)."""

    @property
    def nll(self) -> float:
        """Mean negative log-likelihood of the labels."""
        true = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(true.clip(min=1e-12)).mean())


@torch.inference_mode()
def predict(network: nn.Module, batches: Iterable[Batch], accelerator: Accelerator, *, num_clips: int, views: int,
            modality: str = "both") -> Predictions:
    """Probabilities of `num_clips` clips, each of which comes `views` times in the batches of all processes together.

    `modality` video or audio takes the other one away.
    """
    network.eval()
    rows = []
    for batch in batches:
        if modality == "video":
            batch = batch._replace(has_audio=torch.zeros_like(batch.has_audio))
        elif modality == "audio":
            batch = batch._replace(has_video=torch.zeros_like(batch.has_video))
        probabilities = network(batch).logits.float().softmax(1)
        rows.append(torch.cat([batch.ids[:, None], batch.labels[:, None], probabilities.double()], dim=1))
    width = 2 + len(accelerator.unwrap_model(network).classes)
    mine = torch.cat([torch.zeros(0, width, dtype=torch.float64, device=accelerator.device), *rows])
    table = accelerator.gather(accelerator.pad_across_processes(mine, pad_index=-1)).cpu().numpy()
    table = table[table[:, 0] >= 0]  # without the padding of processes that had fewer clips
    table = table[np.argsort(table[:, 0], kind="stable")]
    assert np.array_equal(table[:, 0], np.repeat(np.arange(num_clips), views)), "a clip was lost or scored twice"
    table = table.reshape(num_clips, views, width).mean(axis=1)
    return Predictions(table[:, 2:], table[:, 1].astype(np.int64))

"""Cross-entropies of the fused and the unimodal answers, each over the clips that have the modality."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vaer.config import TrainConfig
from vaer.records import Batch, Output


def clip_counts(batches: list[Batch]) -> Tensor:
    """(3,) float: clips, clips with video and clips with audio in these micro-batches."""
    return torch.stack([torch.stack([torch.ones_like(batch.has_video).sum(), batch.has_video.sum(),
                                     batch.has_audio.sum()]) for batch in batches]).sum(0).float()


def emotion_loss(output: Output, batch: Batch, counts: Tensor, config: TrainConfig) -> Tensor:
    """This micro-batch's part of the loss of a step: sums divided by the step's `counts` over all processes.

    `counts` is (3,) as from `clip_counts`, summed over processes and micro-batches; a count of 0 gives 0. With one
    branch alone its head is the answer, and is counted once.
    """
    total = _cross_entropy(output.logits, batch.labels, torch.ones_like(batch.has_video), counts[0], config)
    if output.video_logits is not None and output.audio_logits is not None:
        total = total + config.video_loss * _cross_entropy(output.video_logits, batch.labels, batch.has_video,
                                                           counts[1], config)
        total = total + config.audio_loss * _cross_entropy(output.audio_logits, batch.labels, batch.has_audio,
                                                           counts[2], config)
    return total


def _cross_entropy(logits: Tensor, labels: Tensor, rows: Tensor, count: Tensor, config: TrainConfig) -> Tensor:
    each = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=config.label_smoothing)
    return (each * rows).sum() / count.clamp(min=1)

"""Cross-entropies of the fused and the unimodal answers, each over the clips that have the modality."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from vaer.config import TrainConfig
from vaer.records import Batch, MixedBatch, Output


def clip_counts(batches: list[Batch]) -> Tensor:
    """(3,) float: clips, clips with video and clips with audio in these micro-batches."""
    return torch.stack([torch.stack([torch.ones_like(batch.has_video).sum(), batch.has_video.sum(),
                                     batch.has_audio.sum()]) for batch in batches]).sum(0).float()


def emotion_loss(output: Output, batch: Batch | MixedBatch, counts: Tensor, config: TrainConfig,
                 class_weights: Tensor | None = None) -> Tensor:
    """This micro-batch's part of the loss of a step: sums divided by the step's `counts` over all processes.

    `counts` is (3,) as from `clip_counts`, summed over processes and micro-batches; a count of 0 gives 0. With one
    branch alone its head is the answer, and is counted once. A clip's terms are multiplied by the weight of its class,
    of `class_weights` (classes,), and still divided by the number of clips: what it adds does not depend on which
    classes the others of the step have. Mixed clips answer for both their labels, by one share in all heads.
    """
    return head_losses(output, batch, counts, config, class_weights).sum()


def head_losses(output: Output, batch: Batch | MixedBatch, counts: Tensor, config: TrainConfig,
                class_weights: Tensor | None = None) -> Tensor:
    """(1 or 3,): the parts of `emotion_loss`, that of the answer and those of the heads of video and audio."""
    heads = [(1.0, output.logits, torch.ones_like(batch.has_video))]
    if output.video_logits is not None and output.audio_logits is not None:
        heads += [(config.video_loss, output.video_logits, batch.has_video),
                  (config.audio_loss, output.audio_logits, batch.has_audio)]
    losses = []
    for (strength, logits, rows), count in zip(heads, counts, strict=False):
        each = over_labels(batch, partial(clip_losses, logits.float(), smoothing=config.label_smoothing,
                                          class_weights=class_weights))
        losses.append(strength * (each * rows).sum() / count.clamp(min=1))
    return torch.stack(losses)


def over_labels(batch: Batch | MixedBatch, value: Callable[[Tensor], Tensor]) -> Tensor:
    """(batch,): what `value` makes of the labels; of clips that were mixed, of both their labels by their shares."""
    if not isinstance(batch, MixedBatch):
        return value(batch.labels)
    return batch.shares * value(batch.labels) + (1 - batch.shares) * value(batch.partner_labels)


def clip_losses(logits: Tensor, labels: Tensor, smoothing: float = 0.0, class_weights: Tensor | None = None) -> Tensor:
    """(batch,): the cross-entropy of each clip, times the weight of its class."""
    each = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    return each if class_weights is None else each * class_weights[labels]

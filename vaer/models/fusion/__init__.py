"""Ways to join two streams; all keep the contract of `Fusion`."""

from typing import Protocol

from torch import Tensor

from vaer.choose import classes_of
from vaer.records import Fused, Stream


class Fusion(Protocol):
    """Built as `Kind(video_dim=, audio_dim=, num_classes=, config=FusionConfig)`."""

    out_dim: int | None
    """Width of the embedding that it answers from; None where it answers from the two heads' logits alone."""

    def __call__(self, video: Stream, audio: Stream, *, attention: bool = False) -> Fused:
        """An embedding of what is present of the two streams; what tokens outside the mask hold changes nothing.

        With `attention` a kind that keeps time tells how video attends to audio, which changes no answer.
        """
        ...

    def classify(self, embedding: Tensor | None, logits: Tensor, present: Tensor) -> Tensor:
        """Logits (batch, classes) from the embedding, or from the heads' `logits` (batch, 2, classes), video first.

        `present` (batch, 2) bool says which of them a clip has; the logits of others are zeros.
        """
        ...


FUSIONS: dict[str, type[Fusion]] = classes_of(__name__, "Fusion",
                                              "bottleneck", "concat", "cross_attention", "gated", "mean")
"""By the name that `model.fusion.kind` gives them, which is that of their file: gated.py holds GatedFusion."""

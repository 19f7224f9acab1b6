"""Ways to join two streams; all keep the contract of `Fusion`."""

from typing import Protocol

from torch import Tensor

from vaer.models.fusion.bottleneck import BottleneckFusion
from vaer.models.fusion.concat import ConcatFusion
from vaer.models.fusion.cross_attention import CrossAttentionFusion
from vaer.models.fusion.gated import GatedFusion
from vaer.models.fusion.mean import MeanFusion
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

    def answer(self, embedding: Tensor | None, logits: Tensor, present: Tensor) -> Tensor:
        """Logits (batch, classes) from the embedding, or from the heads' `logits` (batch, 2, classes), video first.

        `present` (batch, 2) bool says which of them a clip has; the logits of others are zeros.
        """
        ...


FUSIONS: dict[str, type[Fusion]] = {
    "bottleneck": BottleneckFusion,
    "concat": ConcatFusion,
    "cross_attention": CrossAttentionFusion,
    "gated": GatedFusion,
    "mean": MeanFusion,
}

"""Ways to join two streams; all keep the contract of `Fusion`."""

from typing import Protocol

from vaer.models.fusion.concat import ConcatFusion
from vaer.models.fusion.cross_attention import CrossAttentionFusion
from vaer.models.fusion.mean import MeanFusion
from vaer.records import Fused, Stream


class Fusion(Protocol):
    """Built as `Kind(video_dim=, audio_dim=, num_classes=, config=FusionConfig)`."""

    def __call__(self, video: Stream, audio: Stream) -> Fused:
        """Logits from what is present of the two streams; what tokens outside the mask hold changes nothing."""
        ...


FUSIONS: dict[str, type[Fusion]] = {
    "concat": ConcatFusion,
    "cross_attention": CrossAttentionFusion,
    "mean": MeanFusion,
}

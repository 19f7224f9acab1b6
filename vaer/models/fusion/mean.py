"""The mean of two answers: what any other fusion has to beat."""

from torch import Tensor, nn

from vaer.config import FusionConfig
from vaer.records import Fused, Stream


class MeanFusion(nn.Module):
    """Mean of the logits of the modalities that are present; zeros where none is."""

    out_dim = None

    def __init__(self, *, video_dim: int, audio_dim: int, num_classes: int, config: FusionConfig) -> None:
        super().__init__()

    def forward(self, video: Stream, audio: Stream, *, attention: bool = False) -> Fused:
        """No embedding of its own."""
        return Fused()

    def classify(self, embedding: None, logits: Tensor, present: Tensor) -> Tensor:
        """The mean logits."""
        return (logits * present.unsqueeze(2)).sum(1) / present.sum(1, keepdim=True).clamp(min=1)

"""The mean of two answers: what any other fusion has to beat."""

from torch import nn

from vaer.config import FusionConfig
from vaer.records import Fused, Stream


class MeanFusion(nn.Module):
    """Mean of the logits of the modalities that are present; zeros where none is."""

    def __init__(self, *, video_dim: int, audio_dim: int, num_classes: int, config: FusionConfig) -> None:
        super().__init__()

    def forward(self, video: Stream, audio: Stream) -> Fused:
        """Mean logits; no embedding of its own."""
        present = [stream.tokens.mask.any(1, keepdim=True).to(stream.logits.dtype) for stream in (video, audio)]
        total = video.logits * present[0] + audio.logits * present[1]
        return Fused(total / (present[0] + present[1]).clamp(min=1))

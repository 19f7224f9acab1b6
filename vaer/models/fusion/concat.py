"""A network on two vectors: joins the modalities after time is gone."""

import torch
from torch import Tensor, nn

from vaer.config import FusionConfig
from vaer.records import Fused, Stream


class ConcatFusion(nn.Module):
    """A hidden layer and a classifier on the pooled vectors side by side; an absent modality is zeros."""

    def __init__(self, *, video_dim: int, audio_dim: int, num_classes: int, config: FusionConfig) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(video_dim), nn.LayerNorm(audio_dim)])
        self.out_dim = config.dim
        self.hidden = nn.Sequential(nn.Linear(video_dim + audio_dim, config.dim), nn.GELU())
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.dim, num_classes)

    def forward(self, video: Stream, audio: Stream, *, attention: bool = False) -> Fused:
        """The hidden vector."""
        pooled = [norm(stream.pooled) * stream.tokens.mask.any(1, keepdim=True)
                  for norm, stream in zip(self.norms, (video, audio), strict=True)]
        return Fused(self.hidden(torch.cat(pooled, dim=1)))

    def classify(self, embedding: Tensor, logits: Tensor, present: Tensor) -> Tensor:
        """The classifier's logits."""
        return self.classifier(self.dropout(embedding))

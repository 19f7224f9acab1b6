"""A gate that weighs the two modalities, dimension by dimension."""

import torch
from torch import Tensor, nn

from vaer.config import FusionConfig
from vaer.models.layers.pooling import masked_statistics
from vaer.records import Fused, Stream


class GatedFusion(nn.Module):
    """A gated multimodal unit on the statistics of both modalities, then a classifier.

    Arevalo et al. 2017 (arXiv 1702.01992), bimodal: z tanh(W_v v) + (1 - z) tanh(W_a a), with the gate z = sigmoid(W_z
    [v, a]). Differs from it in clips that lack a modality: the gate then stands at the other one, and without any the
    vector is zeros. Time is gone before the gate, so there is no attention to tell.
    """

    def __init__(self, *, video_dim: int, audio_dim: int, num_classes: int, config: FusionConfig) -> None:
        super().__init__()
        dims = 2 * video_dim, 2 * audio_dim  # mean and deviation over time
        self.norms = nn.ModuleList([nn.LayerNorm(dim) for dim in dims])
        self.sides = nn.ModuleList([nn.Linear(dim, config.dim) for dim in dims])
        self.gate = nn.Linear(sum(dims), config.dim)
        self.out_dim = config.dim
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.dim, num_classes)

    def forward(self, video: Stream, audio: Stream, *, attention: bool = False) -> Fused:
        """The gated vector."""
        present = [stream.tokens.mask.any(1, keepdim=True).float() for stream in (video, audio)]  # (batch, 1) each
        pooled = [norm(masked_statistics(stream.tokens)) * there
                  for norm, stream, there in zip(self.norms, (video, audio), present, strict=True)]
        gate = self.gate(torch.cat(pooled, dim=1)).sigmoid()
        both = present[0] * present[1]
        weights = [both * part + (1 - both) * there for part, there in zip((gate, 1 - gate), present, strict=True)]
        return Fused(sum(weight * side(part).tanh()
                         for weight, side, part in zip(weights, self.sides, pooled, strict=True)))

    def classify(self, embedding: Tensor, logits: Tensor, present: Tensor) -> Tensor:
        """The classifier's logits."""
        return self.classifier(self.dropout(embedding))

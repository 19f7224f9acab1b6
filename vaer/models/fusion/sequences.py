"""What fusions share in which two sequences meet token by token, before they are pooled."""

import torch
from torch import Tensor, nn

from vaer.config import FusionConfig
from vaer.models.layers.pooling import masked_statistics
from vaer.records import Stream, Tokens


class SequenceFusion(nn.Module):
    """Into a joint space, through `layers` of the kind's own, then a classifier on the statistics of both sequences."""

    def __init__(self, *, video_dim: int, audio_dim: int, num_classes: int, config: FusionConfig) -> None:
        super().__init__()
        self.inputs = nn.ModuleList([nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, config.dim))
                                     for dim in (video_dim, audio_dim)])
        self.layers = self.make_layers(config)  # here, so that seeds go on to give the weights that they gave
        self.norms = nn.ModuleList([nn.LayerNorm(config.dim) for _ in range(2)])
        self.out_dim = config.dim
        self.hidden = nn.Sequential(nn.Linear(4 * config.dim, config.dim), nn.GELU())
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.dim, num_classes)

    def make_layers(self, config: FusionConfig) -> nn.ModuleList:
        """In which the sequences meet; parameters beside them are made here too."""
        raise NotImplementedError

    def enter(self, video: Stream, audio: Stream) -> list[Tokens]:
        """The tokens (batch, time, dim) of both in the joint space."""
        return [stream.tokens._replace(values=enter(stream.tokens.values))
                for enter, stream in zip(self.inputs, (video, audio), strict=True)]

    def pool(self, pair: list[Tokens]) -> Tensor:
        """The hidden vector (batch, dim) of mean and deviation of both."""
        return self.hidden(torch.cat([masked_statistics(tokens._replace(values=norm(tokens.values)))
                                      for norm, tokens in zip(self.norms, pair, strict=True)], dim=1))

    def classify(self, embedding: Tensor, logits: Tensor, present: Tensor) -> Tensor:
        """The classifier's logits."""
        return self.classifier(self.dropout(embedding))

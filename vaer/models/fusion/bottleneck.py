"""Two sequences that speak to each other through a few shared tokens."""

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from vaer.config import FusionConfig
from vaer.models.fusion.sequences import SequenceFusion
from vaer.models.layers.time_encoding import time_encoding
from vaer.models.layers.transformer import TransformerLayer
from vaer.records import Fused, Stream

START = 0.02  # deviation of the bottleneck tokens at the start, as that of a ViT's class token


class BottleneckFusion(SequenceFusion):
    """Layers of each modality by itself, joined by bottleneck tokens, then a classifier on the statistics of both.

    MBT (Nagrani et al. 2021, arXiv 2107.00135): in each layer a modality's tokens attend to one another and to the
    bottleneck, whose new value is the mean of what the modalities made of it. Differs from it in where it starts (the
    tokens of two trained branches), in time (seconds, on one clock), in pooling (mean and deviation instead of class
    tokens), and in clips that lack a modality: the mean is over those that are present.
    """

    def make_layers(self, config: FusionConfig) -> nn.ModuleList:
        """A layer of both modalities each, and what the bottleneck holds at the start."""
        self.bottleneck = nn.Parameter(START * torch.randn(config.bottlenecks, config.dim))
        return nn.ModuleList([BottleneckLayer(config) for _ in range(config.layers)])

    def forward(self, video: Stream, audio: Stream, *, attention: bool = False) -> Fused:
        """The hidden vector; with `attention` how video reads in the last layer what audio wrote in the one before."""
        pair = self.enter(video, audio)
        masks = [tokens.mask for tokens in pair]
        values = [tokens.values + time_encoding(tokens.times, self.out_dim) for tokens in pair]
        shared = repeat(self.bottleneck, "tokens dim -> batch tokens dim", batch=len(masks[0]))
        flows = []
        for layer in self.layers:
            values, shared, flow = layer(values, masks, shared, attention=attention)
            flows.append(flow)
        hidden = self.pool([tokens._replace(values=part) for tokens, part in zip(pair, values, strict=True)])
        return Fused(hidden, flows[-1].read @ flows[-2].written if attention else None)


class Flow:
    """How one layer moves what audio holds: into the bottleneck, and how video reads the bottleneck."""

    def __init__(self, weights: list[Tensor], masks: list[Tensor], num_shared: int) -> None:
        video, audio = weights
        there = masks[0].any(1), masks[1].any(1)
        share = there[1] / (there[0].float() + there[1]).clamp(min=1)  # of audio in the mean of the modalities
        written = audio[:, :, -num_shared:, :-num_shared].mean(1, keepdim=True)  # the next layer sees all heads at once
        self.read = video[:, :, :-num_shared, -num_shared:] * there[0][:, None, None, None]
        """(batch, heads, video time, bottleneck)."""
        self.written = written * rearrange(share, "batch -> batch 1 1 1")
        """(batch, 1, bottleneck, audio time)."""


class BottleneckLayer(nn.Module):
    """A transformer layer for each modality over its own tokens and the bottleneck, z_m || b in the paper."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.sides = nn.ModuleList([TransformerLayer(dim=config.dim, heads=config.heads, dropout=config.dropout)
                                    for _ in range(2)])

    def forward(self, values: list[Tensor], masks: list[Tensor], shared: Tensor, *,
                attention: bool) -> tuple[list[Tensor], Tensor, Flow | None]:
        """The tokens (batch, time, dim) of both sides and the bottleneck (batch, bottleneck, dim) after the layer.

        The bottleneck is zeros for a clip that has neither.
        """
        num_shared = shared.shape[1]
        own, made, weights = [], [], []
        for side, part, mask in zip(self.sides, values, masks, strict=True):
            real = torch.cat([mask, mask.new_ones(len(mask), num_shared)], dim=1)
            both, weight = side(torch.cat([part, shared], dim=1), real, attention=attention)
            own.append(both[:, :-num_shared])
            made.append(both[:, -num_shared:])
            weights.append(weight)
        present = torch.stack([mask.any(1) for mask in masks]).float()[:, :, None, None]  # (modality, batch, 1, 1)
        mean = (torch.stack(made) * present).sum(0) / present.sum(0).clamp(min=1)
        return own, mean, Flow(weights, masks, num_shared) if attention else None

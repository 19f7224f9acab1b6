"""Two sequences that attend to each other on one clock in seconds."""

import math
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from vaer.config import FusionConfig
from vaer.models.fusion.sequences import SequenceFusion
from vaer.records import Fused, Stream, Tokens

FURTHEST_S = 0.4  # heads start looking up to this far before and after their own moment
FEW_LOGITS = 2**18  # that the backward pass of the bias looks at together: a MiB
MANY_PAIRS = 2**16  # of a query and a key: from here on the backward pass computes the weights again
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
            *pair, weights = layer(*pair, attention=attention)
        return Fused(self.pool(pair), weights)


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

    def forward(self, video: Tokens, audio: Tokens, *, attention: bool) -> tuple[Tokens, Tokens, Tensor | None]:
        """The two sequences; with `attention` the weights (batch, heads, video time, audio time)."""
        sides = [tokens._replace(values=norm(tokens.values))
                 for norm, tokens in zip(self.norms, (video, audio), strict=True)]
        of_audio, weights = self.attentions[0](sides[0], sides[1], attention=attention)
        of_video, _ = self.attentions[1](sides[1], sides[0])
        results = []
        for tokens, other, feed_forward in zip((video, audio), (of_audio, of_video), self.feed_forwards, strict=True):
            values = tokens.values + self.dropout(other)
            results.append(tokens._replace(values=values + self.dropout(feed_forward(values))))
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

    def forward(self, queries: Tokens, keys: Tokens, *, attention: bool = False) -> tuple[Tensor, Tensor | None]:
        """Values (batch, query time, dim); with `attention` weights (batch, heads, query time, key time)."""
        q, k, v = (rearrange(layer(tokens.values), "batch time (heads dim) -> batch heads time dim", heads=self.heads)
                   for layer, tokens in ((self.query, queries), (self.key, keys), (self.value, keys)))
        present = rearrange(keys.mask.any(1), "batch -> batch 1 1 1")
        weights = None
        if attention:
            weights = F.softmax((q @ k.mT).float() / math.sqrt(q.shape[3]) + self._time_bias(queries, keys), dim=3)
            weights = weights * present
            values = weights.to(v.dtype) @ v
        elif torch.is_grad_enabled() and q.shape[2] * k.shape[2] >= MANY_PAIRS:
            values = checkpoint(self._attend, q, k, v, queries, keys, use_reentrant=False, preserve_rng_state=False)
        else:
            values = self._attend(q, k, v, queries, keys)
        values = rearrange(values, "batch heads time dim -> batch time (heads dim)")
        return self.out(values) * present[:, 0], weights

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, queries: Tokens, keys: Tokens) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self._time_bias(queries, keys).to(q.dtype))

    def _time_bias(self, queries: Tokens, keys: Tokens) -> Tensor:
        # A clip without any key may look at all of its zeros: a softmax over nothing is NaN.
        seen = keys.mask | ~keys.mask.any(1, keepdim=True)
        return TimeBias.apply(queries.times, keys.times, seen, self.offset_s, self.log_width_s)


class TimeBias(torch.autograd.Function):
    """What a head adds to its logits, (batch, heads, query time, key time): 0 where a key stands where it looks.

    Minus infinity stands where `mask` (batch, key time) hides the key. The backward pass computes the distances
    again: autograd would keep four tensors of this size, the largest of the fusion.
    """

    @staticmethod
    def forward(ctx: Any, query_times: Tensor, key_times: Tensor, mask: Tensor, offset_s: Tensor,
                log_width_s: Tensor) -> Tensor:
        """-(t_key - t_query - offset)^2 / (2 width^2), of the type of the offsets."""
        ctx.save_for_backward(query_times, key_times, mask, offset_s, log_width_s)
        width_s = rearrange(log_width_s.exp(), "heads -> heads 1 1")
        apart = _apart_s(query_times, key_times, offset_s)
        made = apart.square_().div_(-2 * width_s ** 2)
        return made.masked_fill_(~rearrange(mask, "batch key -> batch 1 1 key"), -torch.inf)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Of the offsets and the logarithms of the widths."""
        query_times, key_times, mask, offset_s, log_width_s = ctx.saved_tensors
        precision = (-2 * log_width_s).exp()
        of_offset, of_width = torch.zeros_like(offset_s), torch.zeros_like(log_width_s)
        pairs = gradients[0].numel() // len(offset_s)
        together = max(1, FEW_LOGITS // max(1, pairs))  # long clips head by head: each needs as much as its logits
        if torch.compiler.is_compiling():  # one graph for any length
            together = 1
        for start in range(0, len(offset_s), together):
            heads = slice(start, start + together)
            apart = _apart_s(query_times, key_times, offset_s[heads])
            gradient = gradients[0][:, heads].masked_fill(~mask[:, None, None], 0).mul_(apart)
            of_offset[heads] = gradient.sum((0, 2, 3)) * precision[heads]
            of_width[heads] = gradient.mul_(apart).sum((0, 2, 3)) * precision[heads]
        return None, None, None, of_offset, of_width


def _apart_s(query_times: Tensor, key_times: Tensor, offset_s: Tensor) -> Tensor:
    """(batch, heads, query time, key time): how far a key stands behind where a head looks."""
    distance_s = (rearrange(key_times, "batch key -> batch 1 1 key")
                  - rearrange(query_times, "batch query -> batch 1 query 1"))
    return distance_s - rearrange(offset_s, "heads -> heads 1 1")

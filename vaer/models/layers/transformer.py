"""One layer of self-attention over tokens that may be padded."""

import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


class TransformerLayer(nn.Module):
    """Every token attends to the real ones of its clip, then thinks for itself; residual, norms first.

    What is outside the mask changes nothing inside it. A clip without a real token gives finite values.
    """

    def __init__(self, *, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.query, self.value, self.out = (nn.Linear(dim, dim) for _ in range(3))
        self.key = nn.Linear(dim, dim, bias=False)  # a bias would add the same to all logits of a query
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout),
                                          nn.Linear(2 * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, mask: Tensor, *, attention: bool = False) -> tuple[Tensor, Tensor | None]:
        """Values (batch, time, dim) of the same shape; with `attention` its weights (batch, heads, time, time).

        `mask` (batch, time) is True for real tokens.
        """
        normed = self.norm(values)
        q, k, v = (rearrange(layer(normed), "batch time (heads dim) -> batch heads time dim", heads=self.heads)
                   for layer in (self.query, self.key, self.value))
        attendable = rearrange(mask | ~mask.any(1, keepdim=True), "batch key -> batch 1 1 key")
        weights = None
        if attention:
            logits = ((q @ k.mT).float() / math.sqrt(q.shape[3])).masked_fill(~attendable, -torch.inf)
            weights = F.softmax(logits, dim=3)
            attended = weights.to(v.dtype) @ v
        else:
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=attendable)
        values = values + self.dropout(self.out(rearrange(attended, "batch heads time dim -> batch time (heads dim)")))
        return values + self.dropout(self.feed_forward(values)), weights

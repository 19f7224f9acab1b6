"""From the tokens of one modality to its own answer."""

from torch import Tensor, nn

from vaer.models.layers.pooling import masked_statistics
from vaer.records import Tokens


class UnimodalHead(nn.Module):
    """A classifier on the mean and deviation over time of one modality's tokens."""

    def __init__(self, *, dim: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.out_dim = 2 * dim
        self.norm = nn.LayerNorm(2 * dim)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(2 * dim, num_classes)

    def embed(self, tokens: Tokens) -> Tensor:
        """What it answers from, (batch, 2 dim)."""
        return self.norm(masked_statistics(tokens))

    def forward(self, embedding: Tensor, present: Tensor) -> Tensor:
        """Logits (batch, classes); zeros where the modality is not `present` (batch,)."""
        return self.classifier(self.dropout(embedding)) * present.unsqueeze(1)

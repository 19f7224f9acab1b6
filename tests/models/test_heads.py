import torch
from makers import make_tokens

from vaer.models.heads import UnimodalHead


def test_an_absent_modality_gets_zeros():
    head = UnimodalHead(dim=4, num_classes=3, dropout=0.0)
    tokens = make_tokens(2, 5, 4)
    tokens = tokens._replace(mask=tokens.mask & torch.tensor([[True], [False]]))
    logits = head(head.embed(tokens), tokens.mask.any(1))
    assert logits.shape == (2, 3)
    assert logits[0].abs().sum() > 0
    assert logits[1].tolist() == [0, 0, 0]

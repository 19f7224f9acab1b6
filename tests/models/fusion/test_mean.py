import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion.mean import MeanFusion
from vaer.records import Stream


def test_the_mean_is_over_what_is_present():
    fusion = MeanFusion(video_dim=2, audio_dim=2, num_classes=2, config=FusionConfig(kind="mean"))
    here, gone = make_tokens(1, 3, 2), make_tokens(1, 3, 2, real=0)
    one, two = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 2.0]])
    pooled = torch.zeros(1, 2)
    assert fusion(Stream(here, pooled, one), Stream(here, pooled, two)).logits.tolist() == [[2.0, 1.0]]
    assert fusion(Stream(here, pooled, one), Stream(gone, pooled, two * 0)).logits.tolist() == [[1.0, 0.0]]
    assert fusion(Stream(gone, pooled, one * 0), Stream(gone, pooled, two * 0)).logits.tolist() == [[0.0, 0.0]]

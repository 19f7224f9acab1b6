import torch

from vaer.config import FusionConfig
from vaer.models.fusion.mean import MeanFusion


def test_the_mean_is_over_what_is_present():
    fusion = MeanFusion(video_dim=2, audio_dim=2, num_classes=2, config=FusionConfig(kind="mean"))
    heads = torch.tensor([[[1.0, 0.0], [3.0, 2.0]], [[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    present = torch.tensor([[True, True], [True, False], [False, False]])
    assert fusion.classify(None, heads, present).tolist() == [[2.0, 1.0], [1.0, 0.0], [0.0, 0.0]]

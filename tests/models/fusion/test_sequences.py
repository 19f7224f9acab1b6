import pytest
import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion.sequences import SequenceFusion
from vaer.models.layers.pooling import masked_mean
from vaer.records import Stream


class Apart(SequenceFusion):
    """Two sequences that do not meet."""

    def make_layers(self, config):
        return torch.nn.ModuleList()


def test_tokens_enter_one_space_and_leave_as_one_vector():
    fusion = Apart(video_dim=4, audio_dim=6, num_classes=3, config=FusionConfig(dim=8)).eval()
    video, audio = make_tokens(2, 5, 4, real=3), make_tokens(2, 7, 6, real=0)
    pair = fusion.enter(*(Stream(tokens, masked_mean(tokens)) for tokens in (video, audio)))
    assert [tuple(tokens.values.shape) for tokens in pair] == [(2, 5, 8), (2, 7, 8)]
    assert torch.equal(pair[0].mask, video.mask)
    hidden = fusion.pool(pair)
    assert hidden.shape == (2, fusion.out_dim)
    assert torch.isfinite(hidden).all()
    assert fusion.classify(hidden, None, None).shape == (2, 3)


def test_without_layers_there_is_no_fusion():
    with pytest.raises(NotImplementedError):
        SequenceFusion(video_dim=4, audio_dim=6, num_classes=3, config=FusionConfig(dim=8))

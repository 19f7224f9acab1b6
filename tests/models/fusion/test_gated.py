import math

import pytest
import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion.gated import GatedFusion
from vaer.models.layers.pooling import masked_mean
from vaer.records import Stream


def build():
    """A unit whose sides say 0.5 and -0.8 whatever they see, and whose gate stands at 3/4 in its only dimension."""
    fusion = GatedFusion(video_dim=2, audio_dim=2, num_classes=2, config=FusionConfig(kind="gated", dim=1)).eval()
    with torch.no_grad():
        for part in (*fusion.sides, fusion.gate):
            part.weight.zero_()
        fusion.sides[0].bias.fill_(math.atanh(0.5))
        fusion.sides[1].bias.fill_(math.atanh(-0.8))
        fusion.gate.bias.fill_(math.log(3))
    return fusion


# 3/4 of 0.5 and 1/4 of -0.8 are 0.175; what is alone is taken whole; nothing is nothing.
@pytest.mark.parametrize(("video", "audio", "wanted"), [(3, 2, 0.175), (3, 0, 0.5), (0, 2, -0.8), (0, 0, 0.0)])
def test_the_gate_by_hand(video, audio, wanted):
    streams = [Stream(tokens, masked_mean(tokens)) for tokens in (make_tokens(1, 3, 2, real=video),
                                                                  make_tokens(1, 4, 2, real=audio))]
    assert build()(*streams).embedding.item() == pytest.approx(wanted, abs=1e-6)


def test_the_gate_sees_both_sides():
    torch.manual_seed(0)
    fusion = GatedFusion(video_dim=2, audio_dim=2, num_classes=2, config=FusionConfig(kind="gated", dim=3)).eval()
    torch.nn.init.zeros_(fusion.sides[1].weight)  # audio can speak through the gate alone
    video, audio = make_tokens(1, 3, 2), make_tokens(1, 4, 2)
    other = audio._replace(values=audio.values.flip(2))
    answers = [fusion(*(Stream(tokens, masked_mean(tokens)) for tokens in (video, heard))).embedding
               for heard in (audio, other)]
    assert (answers[0] - answers[1]).abs().max() > 1e-3

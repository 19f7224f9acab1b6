import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion.concat import ConcatFusion
from vaer.models.layers.pooling import masked_mean
from vaer.records import Stream


def test_the_order_of_tokens_does_not_matter():
    fusion = ConcatFusion(video_dim=4, audio_dim=6, num_classes=3, config=FusionConfig(kind="concat", dim=8)).eval()
    video, audio = make_tokens(2, 5, 4), make_tokens(2, 7, 6)
    turned = video._replace(values=video.values.flip(1))
    answers = [fusion(Stream(tokens, masked_mean(tokens)), Stream(audio, masked_mean(audio))).embedding
               for tokens in (video, turned)]
    torch.testing.assert_close(*answers)

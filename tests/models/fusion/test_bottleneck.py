import pytest
import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion.bottleneck import BottleneckFusion, BottleneckLayer
from vaer.models.layers.pooling import masked_mean
from vaer.records import Stream

CONFIG = FusionConfig(kind="bottleneck", dim=2, heads=1, bottlenecks=1)


def adding(layer, amounts):
    """A layer whose sides add a number to all that they are given."""
    for side, amount in zip(layer.sides, amounts, strict=True):
        side.forward = lambda values, mask, *, attention, amount=amount: (values + amount, None)
    return layer


# The bottleneck 1 becomes 1 + 2 by video and 1 + 6 by audio: 5 in the mean, or what the only one makes of it.
@pytest.mark.parametrize(("video", "audio", "wanted"), [(3, 2, 5.0), (3, 0, 3.0), (0, 2, 7.0), (0, 0, 0.0)])
def test_the_bottleneck_is_the_mean_over_what_is_present(video, audio, wanted):
    layer = adding(BottleneckLayer(CONFIG), (2.0, 6.0))
    tokens = make_tokens(1, 3, 2, real=video), make_tokens(1, 4, 2, real=audio)
    values, shared, _ = layer([part.values for part in tokens], [part.mask for part in tokens], torch.ones(1, 1, 2),
                              attention=False)
    assert shared.flatten().tolist() == [wanted] * 2
    torch.testing.assert_close(values[0], tokens[0].values + 2)
    torch.testing.assert_close(values[1], tokens[1].values + 6)


def streams(video, audio):
    return Stream(video, masked_mean(video)), Stream(audio, masked_mean(audio))


def test_nothing_but_the_bottleneck_joins_the_modalities():
    """Without what the bottleneck brings, video's tokens do not depend on audio; with it they do."""
    torch.manual_seed(0)
    config = FusionConfig(kind="bottleneck", dim=8, heads=2)
    fusion = BottleneckFusion(video_dim=4, audio_dim=6, num_classes=3, config=config).eval()
    torch.nn.init.zeros_(fusion.hidden[0].weight[:, 16:])  # the half that sees audio's own tokens
    video, audio = make_tokens(2, 5, 4), make_tokens(2, 7, 6)
    other = audio._replace(values=audio.values.flip(2))

    def difference():
        one, two = (fusion(*streams(video, heard)).embedding for heard in (audio, other))
        return (one - two).abs().max().item()

    assert difference() > 1e-5
    for side in fusion.layers[0].sides:  # audio's tokens no longer reach what the first layer writes
        torch.nn.init.zeros_(side.value.weight)
        torch.nn.init.zeros_(side.value.bias)
    assert difference() == 0


def test_attention_by_hand():
    """Uniform attention: video gives 1 / (5 + 2) to each of two bottlenecks, which gave 1 / (7 + 2) to each audio."""
    config = FusionConfig(kind="bottleneck", dim=4, heads=2, bottlenecks=2)
    fusion = BottleneckFusion(video_dim=4, audio_dim=6, num_classes=3, config=config).eval()
    for layer in fusion.layers:
        for side in layer.sides:
            torch.nn.init.zeros_(side.key.weight)
    attention = fusion(*streams(make_tokens(1, 5, 4), make_tokens(1, 7, 6)), attention=True).attention
    # two bottlenecks, half of each written by audio: 2 * 1/7 * 1/2 * 1/9
    torch.testing.assert_close(attention, torch.full((1, 2, 5, 7), 1 / 63))


def test_a_moment_is_seen():
    torch.manual_seed(0)
    config = FusionConfig(kind="bottleneck", dim=8, heads=2)
    fusion = BottleneckFusion(video_dim=4, audio_dim=6, num_classes=3, config=config).eval()
    video, audio = make_tokens(1, 5, 4), make_tokens(1, 7, 6)
    turned = audio._replace(values=audio.values.flip(1))  # the same sounds, the other way round
    one, two = (fusion(*streams(video, heard)).embedding for heard in (audio, turned))
    assert (one - two).abs().max() > 1e-4

import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion.cross_attention import NARROW_S, WIDE_S, CrossAttentionFusion, TimedAttention
from vaer.models.layers.pooling import masked_mean
from vaer.records import Stream


def test_heads_start_spread_the_nearest_ones_narrow():
    attention = TimedAttention(dim=8, heads=4)
    torch.testing.assert_close(attention.offset_s.data, torch.tensor([-0.4, -0.4 / 3, 0.4 / 3, 0.4]))
    torch.testing.assert_close(attention.log_width_s.exp().data, torch.tensor([WIDE_S, NARROW_S, NARROW_S, WIDE_S]))


def test_preference_by_hand():
    attention = TimedAttention(dim=2, heads=1)
    with torch.no_grad():
        attention.offset_s.fill_(0.5)
        attention.log_width_s.fill_(0.0)  # sigma 1 s
    queries, keys = make_tokens(1, 1, 2), make_tokens(1, 3, 2, rate=1.0)  # query at 0 s, keys at 0, 1, 2 s
    # -(0 - 0.5)^2 / 2, -(1 - 0.5)^2 / 2, -(2 - 0.5)^2 / 2
    torch.testing.assert_close(attention._preference(queries, keys).flatten().detach(),
                               torch.tensor([-0.125, -0.125, -1.125]))


def test_a_narrow_head_attends_to_its_own_moment():
    attention = TimedAttention(dim=4, heads=1)
    queries, keys = make_tokens(1, 6, 4, rate=2.0), make_tokens(1, 12, 4, rate=4.0)
    _, weights = attention(queries, keys)  # offset 0, sigma 0.1 s; keys every 0.25 s
    assert weights.shape == (1, 1, 6, 12)
    assert weights[0, 0].argmax(1).tolist() == [0, 2, 4, 6, 8, 10]


def test_seconds_count_not_places():
    """The same sounds sampled twice as densely look the same to a head whose content weights are zero."""
    attention = TimedAttention(dim=4, heads=2)
    torch.nn.init.zeros_(attention.query.weight)
    torch.nn.init.zeros_(attention.query.bias)
    queries = make_tokens(1, 4, 4, rate=2.0)
    sparse, dense = make_tokens(1, 8, 4, rate=4.0), make_tokens(1, 16, 4, rate=8.0)
    ramp = [tokens._replace(values=tokens.times.unsqueeze(2).expand(-1, -1, 4)) for tokens in (sparse, dense)]
    near, nearer = (attention(queries, tokens)[0] for tokens in ramp)
    torch.testing.assert_close(near, nearer, atol=0.1, rtol=0.0)


def test_shifting_both_clocks_changes_nothing_shifting_one_does():
    torch.manual_seed(0)
    fusion = CrossAttentionFusion(video_dim=4, audio_dim=6, num_classes=3, config=FusionConfig(dim=8, heads=2)).eval()
    video, audio = make_tokens(2, 5, 4), make_tokens(2, 7, 6)

    def answer(video_shift, audio_shift):
        pair = video._replace(times=video.times + video_shift), audio._replace(times=audio.times + audio_shift)
        return fusion(*(Stream(tokens, masked_mean(tokens)) for tokens in pair)).embedding

    torch.testing.assert_close(answer(2.0, 2.0), answer(0.0, 0.0), atol=1e-4, rtol=1e-4)
    assert (answer(0.3, 0.0) - answer(0.0, 0.0)).abs().max() > 1e-3


def test_attention_is_told():
    fusion = CrossAttentionFusion(video_dim=4, audio_dim=6, num_classes=3, config=FusionConfig(dim=8, heads=2))
    video, audio = make_tokens(2, 5, 4, real=4), make_tokens(2, 7, 6, real=3)
    fused = fusion(*(Stream(tokens, masked_mean(tokens)) for tokens in (video, audio)), attention=True)
    assert fused.attention.shape == (2, 2, 5, 7)
    torch.testing.assert_close(fused.attention[..., :3].sum(3), torch.ones(2, 2, 5))
    assert fused.attention[..., 3:].abs().max() == 0

import pytest
import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion import cross_attention
from vaer.models.fusion.cross_attention import NARROW_S, WIDE_S, CrossAttentionFusion, TimeBias, TimedAttention
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
    torch.testing.assert_close(attention._time_bias(queries, keys).flatten().detach(),
                               torch.tensor([-0.125, -0.125, -1.125]))


def test_a_narrow_head_attends_to_its_own_moment():
    attention = TimedAttention(dim=4, heads=1)
    queries, keys = make_tokens(1, 6, 4, rate=2.0), make_tokens(1, 12, 4, rate=4.0)
    _, weights = attention(queries, keys, attention=True)  # offset 0, sigma 0.1 s; keys every 0.25 s
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


@pytest.mark.parametrize("together", [1, 10**6])  # head by head, and all at once
def test_the_preference_has_the_gradient_that_autograd_would_find(monkeypatch, together):
    """The formula once more, in double precision, with keys that are hidden, in one clip all."""
    monkeypatch.setattr(cross_attention, "FEW_LOGITS", together)
    mask = torch.tensor([[True, True, False], [True, False, False], [False, False, False]])
    query_times, key_times = torch.rand(3, 4).double() * 2, torch.rand(3, 3).double() * 2
    offset_s, log_width_s = (torch.randn(2).double().requires_grad_() for _ in range(2))
    wanted = -((key_times[:, None, None] - query_times[:, None, :, None] - offset_s[:, None, None]) ** 2
               / (2 * log_width_s.exp()[:, None, None] ** 2))
    weight = torch.randn(3, 2, 4, 3).double()
    seen = mask[:, None, None].expand_as(wanted)
    made = TimeBias.apply(query_times, key_times, mask, offset_s, log_width_s)
    torch.testing.assert_close(made[seen], wanted[seen])
    assert (made[~seen] == -torch.inf).all()
    theirs = torch.autograd.grad((wanted * weight * seen).sum(), (offset_s, log_width_s))
    ours = torch.autograd.grad((made.masked_fill(~seen, 0) * weight).sum(), (offset_s, log_width_s))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("many", [1, 1000])
def test_values_are_the_same_whether_weights_are_asked_for_or_not(monkeypatch, many):
    """With few pairs for its size the weights are computed again in the backward pass."""
    monkeypatch.setattr(cross_attention, "MANY_PAIRS", many)
    torch.manual_seed(0)
    attention = TimedAttention(dim=8, heads=2)
    queries, keys = make_tokens(3, 5, 8), make_tokens(3, 7, 8)
    keys = keys._replace(mask=torch.arange(7) < torch.tensor([[7], [4], [0]]))
    results = [attention(queries, keys, attention=told)[0] for told in (False, True)]
    torch.testing.assert_close(*results)
    gradients = [torch.autograd.grad(result.square().sum(), list(attention.parameters())) for result in results]
    torch.testing.assert_close(*gradients)
    assert not results[0][2].any()
    with torch.autocast("cpu", torch.bfloat16):  # whose lowest number is another
        assert attention(queries, keys)[0].isfinite().all()


def test_many_pairs_leave_nothing_of_their_size_for_the_backward_pass():
    attention = TimedAttention(dim=8, heads=2)
    queries, keys = make_tokens(1, 200, 8), make_tokens(1, 400, 8)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: sizes.append(tensor.numel()) or tensor,
                                                  lambda tensor: tensor):
        attention(queries, keys)
    assert sizes
    assert max(sizes) <= 400 * 8  # the keys; the weights are 2 * 200 * 400


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

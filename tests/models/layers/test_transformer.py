import pytest
import torch
from makers import make_tokens
from torch import nn

from vaer.models.layers.transformer import TransformerLayer


def layer(dim=4, heads=2):
    torch.manual_seed(0)
    return TransformerLayer(dim=dim, heads=heads, dropout=0.0).eval()


def test_equals_torch_own_layer():
    """`nn.TransformerEncoderLayer` with norms first, given our weights and a key bias of zero."""
    ours = layer(dim=8)
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    attention = theirs.self_attn
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        attention.in_proj_bias.copy_(torch.cat([ours.query.bias, torch.zeros(8), ours.value.bias]))
    for mine, other in ((ours.out, attention.out_proj), (ours.norm, theirs.norm1), (ours.feed_forward[0], theirs.norm2),
                        (ours.feed_forward[1], theirs.linear1), (ours.feed_forward[4], theirs.linear2)):
        other.load_state_dict(mine.state_dict())
    tokens = make_tokens(2, 5, 8, real=3)
    wanted = theirs(tokens.values, src_key_padding_mask=~tokens.mask)
    torch.testing.assert_close(ours(tokens.values, tokens.mask)[0][:, :3], wanted[:, :3])


@pytest.mark.parametrize("attention", [False, True])
def test_without_a_real_token_values_and_gradients_are_finite(attention):
    tokens, made = make_tokens(2, 3, 4, real=0), layer()
    values, _ = made(tokens.values, tokens.mask, attention=attention)
    values.sum().backward()
    assert values.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in made.parameters())


def test_weights_that_are_asked_for_are_those_that_were_used():
    tokens, made = make_tokens(2, 5, 4, real=3), layer()
    plain, none = made(tokens.values, tokens.mask)
    values, weights = made(tokens.values, tokens.mask, attention=True)
    assert none is None
    torch.testing.assert_close(values, plain)
    assert (weights[..., 3:] == 0).all()
    torch.testing.assert_close(weights.sum(3), torch.ones(2, 2, 5))

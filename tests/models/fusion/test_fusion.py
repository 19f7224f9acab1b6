"""The contract that every kind of fusion keeps."""

import pytest
import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion import FUSIONS
from vaer.models.layers.pooling import masked_mean
from vaer.records import Stream


def stream(tokens):
    return Stream(tokens, masked_mean(tokens))


def answer(fusion, *tokens, classes=3):
    """Logits where both heads answer at random to what is present."""
    present = torch.stack([part.mask.any(1) for part in tokens], dim=1)  # (batch, 2)
    heads = torch.randn(len(present), 2, classes, generator=torch.Generator().manual_seed(1)) * present[:, :, None]
    return fusion.classify(fusion(*map(stream, tokens)).embedding, heads, present)


def build(kind):
    torch.manual_seed(0)
    return FUSIONS[kind](video_dim=4, audio_dim=6, num_classes=3,
                         config=FusionConfig(kind=kind, dim=8, heads=2, layers=2)).eval()


def absent(tokens, row):
    rows = torch.arange(len(tokens.mask))[:, None] != row
    return tokens._replace(values=tokens.values * rows[:, :, None], mask=tokens.mask & rows)


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_logits_have_a_row_for_each_clip(kind):
    fusion, tokens = build(kind), (make_tokens(2, 5, 4), make_tokens(2, 7, 6))
    assert answer(fusion, *tokens).shape == (2, 3)
    embedding = fusion(*map(stream, tokens)).embedding
    assert (None if embedding is None else tuple(embedding.shape)) == (fusion.out_dim and (2, fusion.out_dim))


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_padding_changes_nothing(kind):
    fusion, video, audio = build(kind), make_tokens(2, 5, 4, real=3), make_tokens(2, 7, 6, real=4)
    loud = audio._replace(values=audio.values.masked_fill(~audio.mask[..., None], 1e3))
    torch.testing.assert_close(answer(fusion, video, loud), answer(fusion, video, audio))


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_a_clip_does_not_know_its_neighbours(kind):
    fusion, video, audio = build(kind), make_tokens(3, 5, 4, real=3), make_tokens(3, 7, 6, real=4)
    video, audio = absent(video, row=1), absent(audio, row=2)
    present = torch.stack([video.mask.any(1), audio.mask.any(1)], dim=1)
    heads = torch.randn(3, 2, 3) * present[:, :, None]
    together = fusion.classify(fusion(stream(video), stream(audio)).embedding, heads, present)
    assert torch.isfinite(together).all()
    for row in range(3):
        alone = [stream(type(tokens)(*(part[row:row + 1] for part in tokens))) for tokens in (video, audio)]
        logits = fusion.classify(fusion(*alone).embedding, heads[row:row + 1], present[row:row + 1])
        torch.testing.assert_close(logits[0], together[row])


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_nothing_at_all_gives_finite_logits_and_gradients_everywhere(kind):
    fusion = build(kind)
    video, audio = make_tokens(1, 5, 4, real=0), make_tokens(1, 7, 6, real=0)
    logits = answer(fusion, video, audio)
    assert torch.isfinite(logits).all()
    if list(fusion.parameters()):
        logits.sum().backward()
        assert all(parameter.grad is not None and torch.isfinite(parameter.grad).all()
                   for parameter in fusion.parameters())


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_every_parameter_learns(kind):
    fusion = build(kind)
    logits = answer(fusion, make_tokens(2, 5, 4), make_tokens(2, 7, 6))
    if list(fusion.parameters()):
        logits.square().sum().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in fusion.parameters())


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_attention_is_told_where_it_is_asked_for_and_changes_nothing(kind):
    fusion, video, audio = build(kind), make_tokens(3, 5, 4, real=4), make_tokens(3, 7, 6, real=3)
    streams = stream(absent(video, row=1)), stream(absent(audio, row=2))
    plain, asked = fusion(*streams), fusion(*streams, attention=True)
    assert plain.attention is None
    torch.testing.assert_close(plain.embedding, asked.embedding)
    if asked.attention is not None:
        assert asked.attention.shape == (3, 2, 5, 7)
        assert (asked.attention[0, :, :4, :3] > 0).all()
        assert (asked.attention[..., 3:] == 0).all()
        assert (asked.attention[2] == 0).all()

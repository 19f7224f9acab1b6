"""The contract that every kind of fusion keeps."""

import typing

import pytest
import torch
from makers import make_tokens

from vaer.config import FusionConfig
from vaer.models.fusion import FUSIONS
from vaer.models.layers.pooling import masked_mean
from vaer.records import Stream


def stream(tokens, classes=3):
    logits = torch.randn(len(tokens.mask), classes, generator=torch.Generator().manual_seed(1))
    return Stream(tokens, masked_mean(tokens), logits * tokens.mask.any(1, keepdim=True))


def build(kind):
    torch.manual_seed(0)
    return FUSIONS[kind](video_dim=4, audio_dim=6, num_classes=3,
                         config=FusionConfig(kind=kind, dim=8, heads=2, layers=2)).eval()


def absent(tokens, row):
    rows = torch.arange(len(tokens.mask))[:, None] != row
    return tokens._replace(values=tokens.values * rows[:, :, None], mask=tokens.mask & rows)


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_logits_have_a_row_for_each_clip(kind):
    fused = build(kind)(stream(make_tokens(2, 5, 4)), stream(make_tokens(2, 7, 6)))
    assert fused.logits.shape == (2, 3)
    assert fused.embedding is None or fused.embedding.shape == (2, 8)


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_padding_changes_nothing(kind):
    fusion, video, audio = build(kind), make_tokens(2, 5, 4, real=3), make_tokens(2, 7, 6, real=4)
    loud = audio._replace(values=audio.values.masked_fill(~audio.mask[..., None], 1e3))
    torch.testing.assert_close(fusion(stream(video), stream(loud)).logits, fusion(stream(video), stream(audio)).logits)


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_a_clip_does_not_know_its_neighbours(kind):
    fusion, video, audio = build(kind), make_tokens(3, 5, 4, real=3), make_tokens(3, 7, 6, real=4)
    video, audio = absent(video, row=1), absent(audio, row=2)
    streams = stream(video), stream(audio)
    together = fusion(*streams).logits
    assert torch.isfinite(together).all()
    for row in range(3):
        alone = [Stream(type(s.tokens)(*(part[row:row + 1] for part in s.tokens)), s.pooled[row:row + 1],
                        s.logits[row:row + 1]) for s in streams]
        torch.testing.assert_close(fusion(*alone).logits[0], together[row])


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_nothing_at_all_gives_finite_logits_and_gradients_everywhere(kind):
    fusion = build(kind)
    video, audio = make_tokens(1, 5, 4, real=0), make_tokens(1, 7, 6, real=0)
    logits = fusion(stream(video), stream(audio)).logits
    assert torch.isfinite(logits).all()
    if list(fusion.parameters()):
        logits.sum().backward()
        assert all(parameter.grad is not None and torch.isfinite(parameter.grad).all()
                   for parameter in fusion.parameters())


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_every_parameter_learns(kind):
    fusion = build(kind)
    logits = fusion(stream(make_tokens(2, 5, 4)), stream(make_tokens(2, 7, 6))).logits
    if list(fusion.parameters()):
        logits.square().sum().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in fusion.parameters())


def test_the_table_and_the_setting_name_the_same_kinds():
    assert set(FUSIONS) == set(typing.get_args(FusionConfig.__annotations__["kind"]))

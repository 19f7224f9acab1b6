import pytest
import torch
from torch import nn
from torchaudio.models import wav2vec2_model

from vaer.models.audio.convolutions import ConvolutionExtractor, masked_channel_norm

STRIDES = [(8, 10, 5), *[(8, 3, 2)] * 4, *[(8, 2, 2)] * 2]


def make_extractor(mode="group_norm"):
    torch.manual_seed(0)
    network = wav2vec2_model(mode, STRIDES, False, 8, 0.0, 4, 1, 1, 1, 0.0, 8, 0.0, 0.0, False, 0.0, None)
    return ConvolutionExtractor(conv_layers=network.feature_extractor.conv_layers), network.feature_extractor


def test_number_of_tokens_is_the_convolution_formula():
    extractor, _ = make_extractor()
    # Kernels 10, 3 x 4, 2 x 2 and strides 5, 2 x 6: 1 + 9 + 2 x (5 + 10 + 20 + 40) + 80 + 160 = 400 samples.
    assert (extractor.receptive_field, extractor.hop) == (400, 320)
    # floor((16000 - 400) / 320) + 1 = floor(48.75) + 1 = 49
    for samples, tokens in [(400, 1), (719, 1), (720, 2), (16000, 49)]:
        features, lengths = extractor(torch.zeros(3, samples), torch.tensor([samples, 399, 0]))
        assert features.shape == (3, tokens, 8)
        assert lengths.tolist() == [tokens, 0, 0]


def test_without_padding_it_is_torchaudio():
    for mode in ("group_norm", "layer_norm"):
        extractor, reference = make_extractor(mode)
        waveform = torch.randn(2, 1600)
        lengths = torch.tensor([1600, 1600])
        torch.testing.assert_close(extractor(waveform, lengths)[0], reference(waveform, lengths)[0])


def test_norm_counts_true_steps_alone():
    norm = nn.GroupNorm(1, 1, eps=0)
    values = torch.tensor([[[1.0, 3.0, 100.0]], [[1.0, 3.0, -7.0]]])
    # Mean 2 and deviation 1 over the first two steps; 0 stands after them.
    expected = torch.tensor([[[-1.0, 1.0, 0.0]], [[-1.0, 1.0, 0.0]]])
    torch.testing.assert_close(masked_channel_norm(values, torch.tensor([2, 2]), norm), expected)


def test_norm_of_nothing_is_finite():
    norm = nn.GroupNorm(2, 2)
    values = torch.randn(1, 2, 4, requires_grad=True)
    result = masked_channel_norm(values, torch.tensor([0]), norm)
    result.sum().backward()
    assert result.isfinite().all()
    assert values.grad.isfinite().all()


@pytest.mark.parametrize("lengths", [[40, 40, 40], [40, 23, 0]])
def test_norm_learns_as_each_clip_alone_does(lengths):
    """The gradients of torch's own norm over each clip's true steps; steps after them get none, but for the bias."""
    torch.manual_seed(0)
    norm = nn.GroupNorm(6, 6)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    values, gradient = torch.randn(3, 6, 40) + 2, torch.randn(3, 6, 40)
    found = leaves(values, norm)
    masked_channel_norm(found[0], torch.tensor(lengths), norm).backward(gradient)
    found = [leaf.grad.clone() for leaf in found]
    expected = leaves(values, norm)
    rows = [torch.cat([norm(row[None, :, :length]) if length else row[None, :, :0],
                       norm.bias[None, :, None].expand(1, 6, 40 - length)], dim=2)
            for row, length in zip(expected[0], lengths, strict=True)]
    torch.cat(rows).backward(gradient)
    for part, other in zip(found, expected, strict=True):
        torch.testing.assert_close(part, other.grad, rtol=1e-4, atol=1e-4)


def leaves(values, norm):
    norm.zero_grad()
    return [values.clone().requires_grad_(), norm.weight, norm.bias]


def test_norm_is_precise_in_bf16_arithmetic():
    norm, values = nn.GroupNorm(4, 4), torch.randn(2, 4, 50) + 30
    lengths = torch.tensor([50, 30])
    expected = masked_channel_norm(values, lengths, norm)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(masked_channel_norm(values, lengths, norm), expected)

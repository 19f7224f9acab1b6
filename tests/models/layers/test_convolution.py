"""Folded convolutions against torch's own, in double precision: any other result would be another network."""

import pytest
import torch
from torch import nn

from vaer.models.layers.convolution import NARROW, FoldedConv3d, GemmConv1d, SumOfTaps, as_products, convolve_and_norm

SHAPES = {
    "pointwise": {"kernel_size": 1},
    "pointwise, every other place": {"kernel_size": 1, "stride": (1, 2, 2)},
    "pointwise, every fourth moment": {"kernel_size": 1, "stride": (4, 1, 1)},
    "over space": {"kernel_size": (1, 3, 3), "padding": (0, 1, 1)},
    "over space, every other place": {"kernel_size": (1, 3, 3), "stride": (1, 2, 2), "padding": (0, 1, 1)},
    "over time": {"kernel_size": (3, 1, 1), "padding": (1, 0, 0)},
    "over time, long": {"kernel_size": (7, 1, 1), "padding": (3, 0, 0)},
    "over time, every fourth moment": {"kernel_size": (5, 1, 1), "stride": (4, 1, 1), "padding": (2, 0, 0)},
    "over both": {"kernel_size": (5, 7, 7), "stride": (1, 2, 2), "padding": (2, 3, 3)},
}


def twins(dim, out, bias, **shape):
    """A folded convolution and torch's with the same weights."""
    torch.manual_seed(0)
    ours = FoldedConv3d(dim, out, bias=bias, **shape).double()
    theirs = nn.Conv3d(dim, out, bias=bias, **shape).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("size", [(1, 6, 5, 7), (2, 4, 6, 6), (2, 1, 3, 3)])  # batch, time, height, width
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_results_and_gradients_are_those_of_torch(shape, bias, size):
    for out in (4, NARROW) if "time" in shape else (4,):
        ours, theirs = twins(3, out, bias, **SHAPES[shape])
        values = torch.randn(size[0], 3, *size[1:]).double()
        results, gradients = [], []
        for conv in (ours, theirs):
            given = values.clone().requires_grad_()
            results.append(conv(given))
            gradients.append(torch.autograd.grad(results[-1].sin().sum(), [given, *conv.parameters()]))
        torch.testing.assert_close(*results)
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_channels_stay_last_in_memory(shape, batch):
    """What lies otherwise is copied by the next convolution; a batch of one has strides that are easily mistaken."""
    for out in (4, NARROW):
        made = FoldedConv3d(3, out, bias=False, **SHAPES[shape])(torch.randn(batch, 3, 8, 9, 9))
        assert made.stride()[1] == 1
        assert made.is_contiguous(memory_format=torch.channels_last_3d)


def test_the_sum_of_taps_by_hand():
    """Taps 10 t, 20 t, 30 t at times t = 1, 2, 3: the sum at t is 10 (t - 1) + 20 t + 30 (t + 1), zeros outside."""
    times = torch.tensor([1.0, 2.0, 3.0]).double()
    products = (times[:, None] * torch.tensor([10.0, 20.0, 30.0])).reshape(1, 3, 1, 1, 3, 1).double()
    assert SumOfTaps.apply(products).flatten().tolist() == [80.0, 140.0, 80.0]
    products.requires_grad_()
    assert torch.autograd.gradcheck(SumOfTaps.apply, products)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_norm_folded_in_gives_what_it_gave_and_only_where_nothing_learns(shape):
    ours, theirs = twins(3, 4, False, **SHAPES[shape])
    norm = nn.BatchNorm3d(4).double()
    for part in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(part)
    nn.init.uniform_(norm.running_var, 0.1, 2.0)
    values = torch.randn(2, 3, 6, 5, 5).double()
    heard = []
    norm.register_forward_hook(lambda *_: heard.append(True))
    with torch.no_grad():
        trained = convolve_and_norm(ours, norm.train(), values)  # the batch's own statistics
        norm.eval()
        wanted = norm(theirs(values))
        heard.clear()
        torch.testing.assert_close(convolve_and_norm(ours, norm, values), wanted)
        assert not heard
    assert not torch.allclose(trained, wanted)
    torch.testing.assert_close(convolve_and_norm(ours, norm, values), wanted)  # frozen norms, learning convolutions
    assert heard


@pytest.mark.parametrize(("channels", "kernel", "stride"), [(1, 127, 64), (6, 7, 3), (4, 3, 2)])
def test_a_convolution_of_a_waveform_in_bf16_is_a_matrix_product_within_its_rounding(channels, kernel, stride,
                                                                                    monkeypatch):
    torch.manual_seed(0)
    exact, ours = (nn.Conv1d(channels, 8, kernel, stride) for _ in range(2))
    ours.load_state_dict(exact.state_dict())
    as_products(ours)
    values = torch.randn(2, channels, 400)
    torch.testing.assert_close(ours(values), exact(values), atol=0, rtol=0)  # without bf16 it is torch's own
    wanted = exact.double()(values.double())
    wanted.square().mean().backward()
    monkeypatch.setattr(nn.Conv1d, "forward", None)
    with torch.autocast("cpu", torch.bfloat16):
        found = ours(values)
    assert found.dtype == torch.bfloat16
    found.float().square().mean().backward()
    assert (found - wanted).abs().max() < 0.02 * wanted.abs().max()
    for own, other in zip(ours.parameters(), exact.parameters(), strict=True):
        assert (own.grad - other.grad).abs().max() < 0.02 * other.grad.abs().max()


def test_only_plain_convolutions_become_products():
    layers = nn.Sequential(nn.Conv1d(2, 2, 3), nn.Conv1d(2, 2, 3, groups=2), nn.Conv1d(2, 2, 3, padding=1),
                           nn.Conv1d(2, 2, 3, dilation=2), nn.Conv2d(2, 2, 3))
    as_products(layers)
    assert [type(layer) is GemmConv1d for layer in layers] == [True, False, False, False, False]


def test_its_gradients_in_bf16_do_not_depend_on_what_lay_in_memory():
    """The library's, of a stem of frames on a processor with AMX, became NaN in 26 of 60 such trials."""
    generator = torch.Generator().manual_seed(0)
    conv = FoldedConv3d(3, 8, (5, 7, 7), stride=(1, 2, 2), padding=(2, 3, 3), bias=False)
    for size in range(16, 36):
        values = torch.randn(2, 3, 4, size, size, generator=generator)
        with torch.autocast("cpu", torch.bfloat16):
            made = conv(values)
        scraps = [torch.full((2 ** power,), float("nan")) for power in range(10, 21, 2) for _ in range(8)]
        scraps += [scrap.bfloat16() for scrap in scraps]
        del scraps
        conv.weight.grad = None
        made.sum().backward()
        assert conv.weight.grad.isfinite().all(), size
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            assert conv(values).dtype == torch.bfloat16  # where nothing learns

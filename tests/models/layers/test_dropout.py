import pytest
import torch
from torch import nn

from vaer.models.layers.dropout import Dropout, draw_quickly


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_and_the_mean_are_those_of_torch(p):
    """Of 400,001 values, no multiple of four, in rows and columns: the share within five standard deviations."""
    torch.manual_seed(0)
    values = torch.full((400_001, 1), 2.0, requires_grad=True)
    found = Dropout(p)(values)
    kept = found != 0
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=5 * (p * (1 - p) / 400_001) ** 0.5)
    torch.testing.assert_close(found[kept], torch.full_like(found[kept], 2 / (1 - p)), rtol=1e-4, atol=0)
    found.sum().backward()
    torch.testing.assert_close(values.grad, kept / (1 - p), rtol=1e-4, atol=0)


def test_neighbours_do_not_depend_on_one_another():
    """Of the four that share a number, each pair is dropped together in a quarter of the cases."""
    torch.manual_seed(0)
    dropped = (Dropout(0.5)(torch.ones(40_000, 4)) == 0).double()
    together = dropped.T @ dropped / len(dropped)
    expected = torch.full((4, 4), 0.25, dtype=torch.float64).fill_diagonal_(0.5)
    torch.testing.assert_close(together, expected, rtol=0, atol=0.0125)  # five standard deviations


def test_the_same_seed_gives_the_same_mask_and_evaluation_gives_all():
    values = torch.ones(3, 5)
    torch.manual_seed(1)
    first = Dropout(0.5)(values)
    torch.manual_seed(1)
    assert torch.equal(Dropout(0.5)(values), first)
    assert torch.equal(Dropout(0.5).eval()(values), values)


@pytest.mark.parametrize(("p", "expected"), [(0.0, 1.0), (1e-6, 1.0), (1.0, 0.0)])
def test_what_drops_nothing_or_all(p, expected):
    torch.manual_seed(0)
    torch.testing.assert_close(Dropout(p)(torch.ones(7)), torch.full((7,), expected))


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_shapes_and_types_stay(kind, shape):
    found = Dropout(0.5)(torch.ones(shape, dtype=kind))
    assert (found.shape, found.dtype) == (shape, kind)


def test_a_layer_of_torch_is_replaced_and_its_kin_are_not():
    network = nn.Sequential(nn.Dropout(0.3), nn.Sequential(nn.Dropout1d(0.2), nn.Dropout(0.1)))
    draw_quickly(network)
    assert [type(layer) for layer in network[1]] == [nn.Dropout1d, Dropout]
    assert (type(network[0]), network[0].p, network[1][1].p) == (Dropout, 0.3, 0.1)
    assert list(network.state_dict()) == []

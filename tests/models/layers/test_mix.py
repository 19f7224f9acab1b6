import pytest
import torch

from vaer.errors import UserError
from vaer.models.layers.mix import LayerJoin, LayerMix


def test_the_mix_is_even_at_first_and_follows_its_weights():
    layers = [torch.tensor([0.0, 2.0]), torch.tensor([4.0, 6.0])]
    mix = LayerMix(num_layers=2)
    torch.testing.assert_close(mix(layers), torch.tensor([2.0, 4.0]))
    with torch.no_grad():  # shares 3/4 and 1/4: the weights differ by ln 3
        mix.weights.copy_(torch.tensor([3.0, 1.0]).log())
    torch.testing.assert_close(mix(layers), torch.tensor([1.0, 3.0]))  # 0 * 3/4 + 4 / 4, 2 * 3/4 + 6 / 4


def test_a_mix_starts_at_the_layers_that_are_named():
    """Two of four: e^0 each against e^-4 of the others, so (0 + 4) / 2 but for 2 * 0.018 / (2 + 2 * 0.018)."""
    mix = LayerMix(num_layers=4, start=[0, 2])
    shares = mix.weights.softmax(0)
    torch.testing.assert_close(shares, torch.tensor([1, 0.0183156, 1, 0.0183156]) / 2.0366312)
    mix([torch.ones(1)] * 4).sum().backward()
    assert mix.weights.grad is not None
    with pytest.raises(UserError, match=r"mix_start \[4\]: the encoder has the layers 0 .* to 3; choose among them"):
        LayerMix(num_layers=4, start=[4])


def test_joined_layers_stand_side_by_side_in_the_order_given():
    layers = [torch.full((1, 2, 2), float(place)) for place in range(3)]
    joined = LayerJoin(layers=[2, 0])(layers)
    torch.testing.assert_close(joined, torch.tensor([2.0, 2, 0, 0]).expand(1, 2, 4))

import torch

from vaer.models.layers.mix import LayerMix


def test_the_mix_is_even_at_first_and_follows_its_weights():
    layers = [torch.tensor([0.0, 2.0]), torch.tensor([4.0, 6.0])]
    mix = LayerMix(num_layers=2)
    torch.testing.assert_close(mix(layers), torch.tensor([2.0, 4.0]))
    with torch.no_grad():  # shares 3/4 and 1/4: the weights differ by ln 3
        mix.weights.copy_(torch.tensor([3.0, 1.0]).log())
    torch.testing.assert_close(mix(layers), torch.tensor([1.0, 3.0]))  # 0 * 3/4 + 4 / 4, 2 * 3/4 + 6 / 4

import pytest
import torch
from makers import make_batch, tiny_network

from vaer.config import TrainConfig
from vaer.training.anchor import Anchor
from vaer.training.loop import train_epoch
from vaer.training.optim import build_optimizer, build_scheduler


def test_the_penalty_is_half_the_squared_distance_and_pulls_by_it():
    network = tiny_network()
    anchor = Anchor(network, ["audio"], 0.5)
    assert anchor.penalty() == 0
    parameter = network.audio.mix.weights
    with torch.no_grad():
        parameter[0] += 3.0
        network.video.get_parameter(next(iter(dict(network.video.named_parameters())))).add_(1.0)  # of no concern
        network.audio_head.classifier.bias.add_(1.0)
    penalty = anchor.penalty()
    assert penalty.item() == pytest.approx(0.5 / 2 * 9)
    penalty.backward()
    assert parameter.grad[0].item() == pytest.approx(0.5 * 3)
    assert parameter.grad[1:].abs().max() == 0
    assert network.audio_head.classifier.bias.grad is None


def test_the_start_is_kept_and_restored():
    network = tiny_network()
    first = Anchor(network, ["audio"], 1.0)
    kept = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    with torch.no_grad():
        network.audio.mix.weights.add_(2.0)
    second = Anchor(network, ["audio"], 1.0)  # as a resumed run makes it, from weights that have moved
    second.load_state_dict(kept)
    assert second.penalty() == first.penalty() > 0


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_step_adds_it_once(accelerator, accumulation):
    """Plain steps of SGD, with and without it: the gradients differ by the pull alone, whatever parts a step has."""
    moved = []
    for strength in (0.0, 2.0):
        network = tiny_network().eval()
        anchor = Anchor(network, ["audio"], strength)
        with torch.no_grad():
            network.audio.mix.weights[0] += 1.0
        config = TrainConfig(lr=0.1, video_lr=0.1, audio_lr=0.1, optimizer="sgd", warmup=0.0, clip_norm=0.0,
                             weight_decay=0.0, accumulation=accumulation)
        optimizer = build_optimizer(network, config)
        network.train = lambda *_, network=network: network  # no dropout, no statistics
        scheduler, losses = build_scheduler(optimizer, config, 10), []
        train_epoch(network, [make_batch([0.3, 0.2])] * accumulation, optimizer, scheduler, accelerator, config,
                    losses.append, anchor=anchor)
        moved.append((network.audio.mix.weights.detach().clone(), losses[0]))
    pulled = moved[0][0] - moved[1][0]
    torch.testing.assert_close(pulled[0], torch.tensor(0.1 * 2.0 * 1.0), atol=1e-5, rtol=1e-4)
    assert pulled[1:].abs().max() < 1e-6
    assert moved[1][1] - moved[0][1] == pytest.approx(2.0 / 2 * 1.0, abs=1e-4)

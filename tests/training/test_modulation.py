import math

import pytest
import torch
from makers import make_batch, tiny_network

from vaer.config import TrainConfig
from vaer.records import MixedBatch, Output
from vaer.training.loop import train_epoch
from vaer.training.meter import Meter
from vaer.training.modulation import COEFFICIENTS, Modulation, coefficients, true_class_scores
from vaer.training.optim import build_optimizer, build_scheduler


@pytest.mark.parametrize(("scores", "expected"), [
    ([3.0, 1.5], [1 - math.tanh(0.5 * 2), 1.0]),
    ([1.0, 4.0], [1.0, 1 - math.tanh(0.5 * 4)]),
    ([2.0, 2.0], [1.0, 1.0]),
    ([0.0, 0.0], [1.0, 1.0]),  # no clip has both modalities
    ([1.0, 0.0], [0.0, 1.0])])
def test_the_branch_that_is_ahead_is_slowed_by_how_far(scores, expected):
    assert coefficients(torch.tensor(scores), 0.5).tolist() == pytest.approx(expected)


def test_scores_are_the_true_classes_probabilities_over_clips_that_have_both():
    """Labels 0, 1, 2: the first and the third clip have both, the second has no frames."""
    batch = make_batch([0.1, 0.1, 0.1], video=[True, False, True])
    video = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]).log()
    audio = torch.tensor([[0.3, 0.3, 0.4], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]]).log()
    scores = true_class_scores(Output(video, video_logits=video, audio_logits=audio), batch)
    assert scores.tolist() == pytest.approx([0.5 + 0.6, 0.3 + 0.05])
    mixed = MixedBatch(*batch, partner_labels=torch.tensor([2, 1, 2]), shares=torch.tensor([0.75, 1.0, 1.0]))
    scores = true_class_scores(Output(video, video_logits=video, audio_logits=audio), mixed)
    assert scores.tolist() == pytest.approx([0.75 * 0.5 + 0.25 * 0.25 + 0.6, 0.75 * 0.3 + 0.25 * 0.4 + 0.05])


def ones_everywhere(network):
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)


def test_only_the_gradients_of_that_branch_shrink():
    """Its head, the fusion, the other branch and what does not learn keep theirs."""
    network = tiny_network()
    network.audio.mix.requires_grad_(False)
    modulation = Modulation(network, 0.5, noise=False, seed=0)
    ones_everywhere(network)
    factors = modulation.apply(torch.tensor([1.0, 2.0]))
    assert factors.tolist() == pytest.approx([1, 1 - math.tanh(1)])
    for name, parameter in network.named_parameters():
        slowed = name.startswith("audio.") and not name.startswith("audio.mix.")
        torch.testing.assert_close(parameter.grad, torch.full_like(parameter, factors[1].item() if slowed else 1.0))


def test_noise_has_the_deviation_of_the_gradient_and_is_drawn_from_seed_and_step():
    """Gradients of two values, 0 and 4, deviate by 2; a constant one gets none; other parts none either."""

    def noisy(seed, steps):
        network = tiny_network()
        modulation = Modulation(network, 0.5, noise=True, seed=seed)
        modulation.load_state_dict({"steps": steps})
        ones_everywhere(network)
        large = max(network.audio.parameters(), key=torch.Tensor.numel)
        large.grad.view(-1)[::2], large.grad.view(-1)[1::2] = 0, 4
        before = large.grad.clone()
        modulation.apply(torch.tensor([3.0, 3.0]))
        constant = network.audio.mix.weights
        assert torch.equal(constant.grad, torch.ones_like(constant))
        assert all((parameter.grad == 1).all() for parameter in network.fusion.parameters())
        assert modulation.state_dict() == {"steps": steps + 1}
        return large.grad - before

    noise = noisy(1, 0)
    assert len(noise.flatten()) > 1000
    assert noise.std().item() == pytest.approx(2, rel=0.1)
    assert abs(noise.mean().item()) < 0.2
    assert torch.equal(noisy(1, 0), noise)
    assert (noisy(1, 1) - noise).abs().max() > 1
    assert (noisy(2, 0) - noise).abs().max() > 1


@pytest.mark.parametrize("clip_norm", [0.0, 0.1])
def test_a_step_of_several_parts_is_scaled_once_by_what_all_its_clips_say(accelerator, clip_norm):
    """One plain step of SGD with and without: the branch ahead moves by its factor, all else as before.

    Clipping then shortens what is left of the gradient, so that the moves differ by one more factor for all.
    """
    batches = [make_batch([0.3, 0.2], seed=1), make_batch([0.3, 0.0], video=[True, True], seed=2)]
    moved, row = [], {}
    for strength in (0.0, 0.5):
        network = tiny_network().eval()
        network.train = lambda *_, network=network: network  # no dropout, no statistics
        with torch.no_grad():
            network.audio_head.classifier.bias.copy_(torch.tensor([0.0, 0.0, 3.0]))  # it is behind
            scores = sum(true_class_scores(network(batch), batch) for batch in batches)
        before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
        config = TrainConfig(lr=0.1, video_lr=0.1, audio_lr=0.1, optimizer="sgd", warmup=0.0, clip_norm=clip_norm,
                             weight_decay=0.0, accumulation=2, batch_size=4)
        optimizer = build_optimizer(network, config)
        modulation = Modulation(network, strength, noise=False, seed=0) if strength else None
        meter = Meter(network, accelerator, COEFFICIENTS if strength else ())
        train_epoch(network, batches, optimizer, build_scheduler(optimizer, config, 10), accelerator, config,
                    lambda loss: None, meter, modulation=modulation)
        moved.append({name: parameter.detach() - before[name] for name, parameter in network.named_parameters()})
        row = meter.read()
    ratio = (scores[0] / scores[1]).item()
    assert ratio > 1.2
    assert (row["ogm_video"], row["ogm_audio"]) == pytest.approx((1 - math.tanh(0.5 * ratio), 1.0), rel=1e-4)
    longer = moved[1]["audio_head.classifier.bias"].norm() / moved[0]["audio_head.classifier.bias"].norm()
    assert (longer > 1.01) == bool(clip_norm)
    for name, move in moved[0].items():
        factor = row["ogm_video"] if name.startswith("video.") else 1.0
        torch.testing.assert_close(moved[1][name], move * factor * longer, atol=1e-6, rtol=1e-2, msg=name)

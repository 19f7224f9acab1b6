import pytest
import torch
from makers import make_batch, tiny_network

from vaer.config import TrainConfig, VideoConfig
from vaer.training.optim import build_optimizer, build_scheduler, parts, thawing

CONFIG = TrainConfig(lr=1.0, video_lr=0.1, audio_lr=0.01, layer_decay=0.5, weight_decay=0.3, optimizer="sgd")


def test_rates_fall_from_the_end_of_each_branch():
    rates = {part.name: part.lr for part in parts(tiny_network(), CONFIG)}
    video = [rate for name, rate in rates.items() if name.startswith("video.")]
    audio = [rate for name, rate in rates.items() if name.startswith("audio.")]
    assert rates["fusion"] == 1.0
    assert video == pytest.approx([0.1 * 0.5 ** (len(video) - 1 - place) for place in range(len(video))])
    assert audio == pytest.approx([0.01 * 0.5 ** (len(audio) - 1 - place) for place in range(len(audio))])
    assert len(video) == 5  # stem and four stages


def test_the_rates_that_are_applied_are_those_of_the_parts():
    """One step of plain SGD on a gradient of ones moves every parameter by exactly its rate (and its decay)."""
    network = tiny_network()
    expected = {id(parameter): part.lr for part in parts(network, CONFIG) for module in part.modules
                for parameter in module.parameters()}
    optimizer = build_optimizer(network, CONFIG)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for name, parameter in network.named_parameters():
        decay = 0.3 * before[name] if parameter.ndim > 1 else torch.zeros_like(parameter)
        moved = before[name] - parameter.detach()
        torch.testing.assert_close(moved, expected[id(parameter)] * (1 + decay), atol=1e-6, rtol=1e-4)


def test_every_parameter_is_in_exactly_one_group():
    network = tiny_network()
    grouped = [id(parameter) for group in build_optimizer(network, TrainConfig(video_lr=0.1, audio_lr=0.1)).param_groups
               for parameter in group["params"]]
    assert sorted(grouped) == sorted(map(id, network.parameters()))


def test_frozen_parameters_are_left_out():
    network = tiny_network(video=VideoConfig(preset="tiny", width=8, freeze=True))
    optimizer = build_optimizer(network, TrainConfig(video_lr=0.1, audio_lr=0.1))
    assert not any(group["name"].startswith("video.") for group in optimizer.param_groups)
    before = [parameter.clone() for parameter in network.video.parameters()]
    network.train()(make_batch([0.2, 0.2])).logits.sum().backward()
    optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(before, network.video.parameters(), strict=True))


def test_warm_up_then_half_a_cosine():
    network = tiny_network()
    config = TrainConfig(warmup=0.4, video_lr=0.1, audio_lr=0.1, lr=1.0, optimizer="sgd")
    scheduler = build_scheduler(build_optimizer(network, config), config, total_steps=10)
    rates = []
    for _ in range(11):
        rates.append(scheduler.get_last_lr()[-1])
        scheduler.optimizer.step()
        scheduler.step()
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])  # four steps up
    assert rates[4] == 1.0
    assert rates[7] == pytest.approx(0.5)  # half way down
    assert rates[10] == pytest.approx(0.0)


def test_fused_steps_are_those_of_the_plain_optimizer():
    """The same gradients for three steps, with decay and a rate of its own for each branch."""
    config = TrainConfig(lr=1e-2, video_lr=3e-3, audio_lr=1e-3, weight_decay=0.3)
    networks = []
    for fused in (True, False):
        torch.manual_seed(0)
        network = tiny_network()
        optimizer = build_optimizer(network, config)
        assert all(group["fused"] != torch.accelerator.is_available() for group in optimizer.param_groups)
        if not fused:
            optimizer = torch.optim.AdamW(
                [{name: group[name] for name in ("params", "lr", "weight_decay")} for group in
                 optimizer.param_groups], foreach=False)
        torch.manual_seed(1)
        for _ in range(3):
            for parameter in network.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
        networks.append(dict(network.named_parameters()))
    torch.testing.assert_close(*networks, rtol=1e-5, atol=1e-6)


def test_layers_thaw_from_the_last_to_the_first():
    """Five groups of one branch over 8 steps: one more every 2 of them; a frozen group 0 leaves four, over the same."""
    names = ["audio.0", "audio.0", "audio.1", "audio.2", "audio.3", "audio.4", "fusion"]
    assert thawing(names, 8) == [8, 8, 6, 4, 2, 0, 0]
    assert thawing(["video.1", "video.4", "audio.1", "fusion"], 9) == [9, 0, 0, 0]
    assert thawing(names, 0) == [0] * 7


def test_a_layer_that_has_not_thawed_stays_and_then_learns_at_the_common_pace():
    network = tiny_network()
    config = TrainConfig(lr=1.0, video_lr=1.0, audio_lr=1.0, warmup=0.0, thaw=0.5, optimizer="sgd", weight_decay=0.0)
    optimizer = build_optimizer(network, config)
    scheduler = build_scheduler(optimizer, config, total_steps=8)
    first, last = (next(group for group in optimizer.param_groups if group["name"] == name)
                   for name in ("video.0", "video.4"))
    before = [group["params"][0].detach().clone() for group in (first, last)]
    assert (first["lr"], last["lr"]) == (0.0, 1.0)
    for group in (first, last):
        group["params"][0].grad = torch.ones_like(group["params"][0])
    optimizer.step()
    assert torch.equal(first["params"][0], before[0])
    assert not torch.equal(last["params"][0], before[1])
    rates = []
    for _ in range(5):
        rates.append((first["lr"], last["lr"]))
        scheduler.step()
    assert [one for one, _ in rates[:4]] == [0.0] * 4
    assert rates[4] == pytest.approx((0.5, 0.5))  # half way down the cosine

import pytest
import torch
from makers import make_batch, tiny_network

from vaer.config import TrainConfig
from vaer.records import MixedBatch, Output
from vaer.training.loop import train_epoch
from vaer.training.losses import clip_counts, emotion_loss
from vaer.training.meter import Meter, learning_rates
from vaer.training.optim import build_optimizer, build_scheduler


def output(*answers, num_classes):
    """Logits that name a class for each row; the whole network's, then the video's and the audio's."""
    return Output(*(2.0 * torch.eye(num_classes)[list(rows)] for rows in answers))


@pytest.fixture
def network():
    return tiny_network()


def test_recalls_and_cross_entropies_count_the_clips_that_have_the_modality(accelerator, network):
    meter, classes = Meter(network, accelerator), len(network.classes)
    batch = make_batch([0.2, 0.2, 0.0], video=[True, False, True])._replace(labels=torch.tensor([0, 0, 1]))
    meter.add(output([0, 1, 1], [0, 0, 0], [1, 1, 1], num_classes=classes), batch)
    meter.close_step(torch.tensor(4.0), 1.0, torch.tensor(0.5))
    meter.add(output([0, 0, 0], [0, 0, 0], [0, 0, 0], num_classes=classes), batch)
    meter.close_step(torch.tensor(2.0), 1.0, torch.tensor(0.5))
    means = meter.read()
    right = -torch.tensor([2.0] + [0.0] * (classes - 1)).log_softmax(0)  # of a named class, of another one
    assert means["loss"] == 3.0
    assert means["uar"] == pytest.approx((3 / 4 + 1 / 2) / 2)  # label 0: 3 of 4 clips, label 1: 1 of 2
    assert means["uar_video"] == pytest.approx((1 + 0) / 2)  # the first and the third clip of each step
    assert means["uar_audio"] == pytest.approx(2 / 4)  # the first two, all of label 0
    assert means["nll"] == pytest.approx(float(4 * right[0] + 2 * right[1]) / 6)
    assert means["nll_audio"] == pytest.approx(float(2 * right[0] + 2 * right[1]) / 4)
    assert meter.read() == {}  # nothing since
    assert meter.read_epoch() == means
    assert meter.read_epoch() == {}


def test_of_mixed_clips_the_larger_share_is_to_be_found(accelerator, network):
    """One of class 0 by 0.75 and of class 1 by 0.25, taken for 0; one of class 1 by 0.6 and of 0 by 0.4, as well."""
    meter, classes = Meter(network, accelerator), len(network.classes)
    batch = make_batch([0.2, 0.2])._replace(labels=torch.tensor([0, 1]))
    batch = MixedBatch(*batch, partner_labels=torch.tensor([1, 0]), shares=torch.tensor([0.75, 0.6]))
    meter.add(output([0, 0], [0, 0], [0, 0], num_classes=classes), batch)
    meter.close_step(torch.tensor(1.0), 0.0, None)
    means = meter.read()
    right = -torch.tensor([2.0] + [0.0] * (classes - 1)).log_softmax(0)  # of the class that it names, of another one
    assert means["uar"] == pytest.approx((1 + 0) / 2)
    assert means["nll"] == pytest.approx(float((0.75 + 0.4) * right[0] + (0.25 + 0.6) * right[1]) / 2)


def test_gradient_norms_are_those_before_clipping_part_by_part(accelerator, network):
    batch = make_batch([0.4, 0.3], video=[True, True])
    counts = clip_counts([batch])
    network.train()
    emotion_loss(network(batch), batch, counts, TrainConfig()).backward()
    expected = {}
    for name, parameter in network.named_parameters():
        part = name.split(".")[0] if name.split(".")[0] in ("video", "audio") else "fusion"
        expected[part] = expected.get(part, 0.0) + float(parameter.grad.square().sum())
    meter = Meter(network, accelerator)
    norm = accelerator.clip_grad_norm_(network.parameters(), 1e-3)
    meter.close_step(torch.tensor(1.0), 1e-3, norm)
    means = meter.read()
    for part, squares in expected.items():
        assert means[f"grad_norm_{part}"] == pytest.approx(squares ** 0.5, rel=1e-2)  # 1e-6 in the clipping
    assert means["grad_norm"] == pytest.approx(float(norm), rel=1e-2)
    assert expected["video"] > 0 < expected["audio"]


def test_a_norm_that_overflows_does_not_count(accelerator, network):
    meter = Meter(network, accelerator)
    for value in (3.0, float("inf")):
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        next(network.video.parameters()).grad.view(-1)[0] = value
        meter.close_step(torch.tensor(1.0), 0.0, None)
    means = meter.read()
    assert (means["grad_norm"], means["grad_norm_video"], means["grad_norm_audio"]) == (3.0, 3.0, 0.0)


def test_what_was_counted_is_taken_up_again(accelerator, network):
    first, second = Meter(network, accelerator), Meter(network, accelerator)
    batch = make_batch([0.2, 0.2])._replace(labels=torch.tensor([0, 1]))
    said = output([0, 0], [1, 1], [0, 1], num_classes=len(network.classes))
    first.add(said, batch)
    first.close_step(torch.tensor(1.0), 0.0, None)
    first.read()
    first.add(said, batch)
    first.gather()
    second.restore(first.state())
    for meter in (first, second):
        meter.close_step(torch.tensor(5.0), 0.0, None)
        meter.read()
    assert second.read_epoch() == first.read_epoch()
    second.restore(None)  # of a run that an older vaer began
    assert second.read_epoch() == {}


def test_a_branch_alone_is_the_answer_and_a_frozen_one_has_no_norm(accelerator):
    network = tiny_network()
    network.video.requires_grad_(False)
    assert "grad_norm_video" not in Meter(network, accelerator).norms
    network.fusion = None
    assert Meter(network, accelerator).sides == [""]


def test_metering_changes_nothing_that_is_learned(accelerator):
    ends = []
    for metered in (False, True):
        torch.manual_seed(0)
        network = tiny_network()
        config = TrainConfig(lr=1e-2, video_lr=1e-2, audio_lr=1e-2, batch_size=2)
        optimizer = build_optimizer(network, config)
        scheduler = build_scheduler(optimizer, config, 2)
        prepared = accelerator.prepare(network, optimizer)
        torch.manual_seed(1)
        train_epoch(prepared[0], [make_batch([0.4, 0.3], seed=seed) for seed in (1, 2)], prepared[1], scheduler,
                    accelerator, config, lambda loss: None, Meter(network, accelerator) if metered else None)
        ends.append([parameter.detach().clone() for parameter in network.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))


def test_the_rate_of_a_branch_is_that_of_its_last_layer():
    config = TrainConfig(lr=1.0, video_lr=0.5, audio_lr=0.25, layer_decay=0.5)
    rates = learning_rates(build_optimizer(tiny_network(), config))
    assert rates == {"lr": 1.0, "lr_video": 0.5, "lr_audio": 0.25}

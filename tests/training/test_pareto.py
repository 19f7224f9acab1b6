import pytest
import torch
from makers import make_batch, tiny_network

from vaer.config import TrainConfig
from vaer.errors import UserError
from vaer.training.loop import train_epoch
from vaer.training.losses import clip_counts, head_losses
from vaer.training.meter import Meter
from vaer.training.optim import build_optimizer, build_scheduler
from vaer.training.pareto import SHARES, Pareto, combine


@pytest.mark.parametrize(("answer", "own", "share", "combined"), [
    ([1.0, 0.0], [1.0, 1.0], 0.5, [3.0, 1.5]),  # they agree: their sum, times 1.5
    ([2.0, 0.0], [0.0, 3.0], 0.5, [3.0, 4.5]),  # neither helps nor hinders
    # nearest to 0 between them: 0.6 (1, 0) + 0.4 (-1, 1) = (0.2, 0.4); as long as their sum (0, 1), times 1.5
    ([1.0, 0.0], [-1.0, 1.0], 0.6, [1.5 * 0.2 / 0.2 ** 0.5, 1.5 * 0.4 / 0.2 ** 0.5]),
    ([1.0, 0.0], [-1.0, 0.0], 0.5, [0.0, 0.0]),  # nothing helps both
    ([1.0, 0.0], [0.0, 0.0], 0.5, [1.5, 0.0]),  # no clip has the modality
    ([], [], 0.5, [])])  # a branch that does not learn
def test_two_gradients_become_one_by_hand(answer, own, share, combined):
    answer, own = torch.tensor(answer), torch.tensor(own)
    found_share, found = combine(answer, own)
    assert found_share.item() == pytest.approx(share)
    assert found.tolist() == pytest.approx(combined)


def test_the_direction_serves_both_and_is_as_long_as_the_sum():
    generator = torch.Generator().manual_seed(0)
    conflicts = 0
    for _ in range(50):
        answer, own = torch.randn(2, 5, generator=generator)
        share, found = combine(answer, own)
        conflicts += bool(answer @ own < 0)
        assert found @ answer >= -1e-5
        assert found @ own >= -1e-5
        assert found.norm() >= 1.5 * (answer + own).norm() * (1 - 1e-5)
        assert (share == 0.5) == bool(answer @ own >= 0)
    assert 10 < conflicts < 40


def test_a_step_moves_branches_by_both_gradients_and_all_else_as_before(accelerator):
    batch = make_batch([0.3, 0.2], seed=1)
    moved, row = [], {}
    config = TrainConfig(lr=0.1, video_lr=0.1, audio_lr=0.1, optimizer="sgd", warmup=0.0, clip_norm=0.0,
                         weight_decay=0.0)
    for used in (False, True):
        network = tiny_network().eval()
        network.train = lambda *_, network=network: network  # no dropout, no statistics
        with torch.no_grad():  # both heads learn the reverse of what the answer does: they pull apart
            for head in (network.video_head, network.audio_head):
                head.classifier.weight.neg_()
                head.classifier.bias.copy_(torch.tensor([3.0, -3.0, 0.0]))
        named = dict(network.named_parameters())
        before = {name: parameter.detach().clone() for name, parameter in named.items()}
        losses = head_losses(network(batch), batch, clip_counts([batch]), config)
        answer, own = (dict(zip(named, torch.autograd.grad(loss, list(named.values()), retain_graph=True,
                                                           materialize_grads=True), strict=True))
                       for loss in (losses[0], losses[1:].sum()))
        optimizer = build_optimizer(network, config)
        meter = Meter(network, accelerator, SHARES if used else ())
        train_epoch(network, [batch], optimizer, build_scheduler(optimizer, config, 10), accelerator, config,
                    lambda loss: None, meter, pareto=Pareto(network, accelerator) if used else None)
        moved.append({name: parameter.detach() - before[name] for name, parameter in named.items()})
        row = meter.read()
    for branch in ("video", "audio"):
        names = [name for name in named if name.startswith(f"{branch}.")]
        share, wanted = combine(*(torch.cat([part[name].flatten() for name in names]) for part in (answer, own)))
        assert row[f"pareto_{branch}"] == pytest.approx(share.item(), rel=1e-3)
        found = torch.cat([moved[1][name].flatten() for name in names])
        torch.testing.assert_close(found, -0.1 * wanted, atol=1e-6, rtol=1e-3)
    for name in named:
        if not name.startswith(("video.", "audio.")):
            torch.testing.assert_close(moved[1][name], moved[0][name], atol=1e-7, rtol=1e-5)


def test_scaled_gradients_are_refused(accelerator, monkeypatch):
    monkeypatch.setattr(type(accelerator), "scaler", object(), raising=False)
    accelerator.__dict__.pop("scaler", None)
    with pytest.raises(UserError, match="fp16"):
        Pareto(tiny_network(), accelerator)


def test_branches_of_which_none_learns_are_refused(accelerator):
    network = tiny_network()
    network.video.requires_grad_(False)
    network.audio.requires_grad_(False)
    with pytest.raises(UserError, match=r"none learns.*model\.audio\.freeze false"):
        Pareto(network, accelerator)

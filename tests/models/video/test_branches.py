"""The contract that every kind of video branch keeps."""

import copy
import dataclasses

import pytest
import torch
from makers import tiny_config
from torch import nn

from vaer.config import VideoConfig
from vaer.models.layers.statistics import batch_norms, keep_statistics
from vaer.models.video import VIDEO_BRANCHES

CASES = {
    **{f"slowfast {pathways}": {"preset": "tiny", "width": 2, "fusion_kernel": 3, "pathways": pathways}
       for pathways in ("both", "slow", "fast")},
    **{f"timm {name}": {"kind": "timm", "network": f"test_{name}", "layers": 1, "dim": 8, "heads": 2}
       for name in ("resnet", "efficientnet", "convnext", "vit")},
    "timm alone": {"kind": "timm", "network": "test_resnet", "layers": 0},
}
WITH_STATISTICS = [name for name in CASES if not name.endswith(("vit", "convnext"))]  # those have no batch norm


def build(case, **settings):
    """A small branch whose residuals count (as built, some start at zero)."""
    torch.manual_seed(0)
    config = tiny_config(video=VideoConfig(**CASES[case] | settings)).model.video
    branch = VIDEO_BRANCHES[config.kind](config=config)
    for norm in batch_norms(branch):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.2, 0.2)
    return branch


def clips(batch=2, time=8, height=32, width=32):
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (batch, time, height, width, 3), dtype=torch.uint8, generator=generator)
    return frames, torch.linspace(0, 2, time).repeat(batch, 1)


def buffers_of(branch):
    return {name: buffer.clone() for name, buffer in branch.named_buffers() if "num_batches" not in name}


def same(one, other):
    return [name for name in one if not torch.equal(one[name], other[name])] == []


def test_every_kind_is_a_case():
    assert {build(case).config.kind for case in CASES} == set(VIDEO_BRANCHES)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (37, 53)])
@pytest.mark.parametrize("case", CASES)
def test_tokens_stand_at_times_of_the_frames(case, height, width):
    branch = build(case).eval()
    frames, times = clips(height=height, width=width)
    with torch.inference_mode():
        tokens = branch(frames, times)
    assert tokens.values.shape == (*tokens.times.shape, branch.out_dim)
    assert tokens.values.isfinite().all()
    assert set(tokens.times[0].tolist()) <= set(times[0].tolist())
    assert tokens.mask.dtype == torch.bool
    assert tokens.mask.shape == tokens.times.shape
    assert tokens.mask.all()


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_learns(case):
    branch = build(case)
    values = branch(*clips(height=64, width=64)).values
    (values * torch.randn_like(values)).sum().backward()
    for name, weight in branch.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name


@pytest.mark.parametrize("case", CASES)
def test_a_clip_does_not_know_its_neighbours(case):
    branch = build(case)
    frames, times = clips(batch=3)
    branch(frames, times)  # the running statistics learn something
    branch.eval()
    with torch.inference_mode():
        together = branch(frames, times).values
        again = branch(frames, times).values
        alone = torch.cat([branch(frames[row:row + 1], times[row:row + 1]).values for row in range(3)])
    assert torch.equal(together, again)
    assert (together - alone).abs().max() / alone.abs().max() < 1e-4


@pytest.mark.parametrize("case", CASES)
def test_layers_hold_every_parameter_once(case):
    branch = build(case)
    held = [id(weight) for group in branch.layers() for part in group for weight in part.parameters()]
    assert sorted(held) == sorted(map(id, branch.parameters()))
    assert len(branch.layers()) > 1


@pytest.mark.parametrize("case", WITH_STATISTICS)
def test_frozen_statistics_stay_and_the_weights_learn(case):
    branch = build(case, freeze_batchnorm=True).train()
    before = buffers_of(branch)
    branch(*clips()).values.square().sum().backward()
    assert branch.training
    assert same(before, buffers_of(branch))
    assert all(norm.weight.grad is not None for norm in batch_norms(branch))


@pytest.mark.parametrize("case", CASES)
def test_a_frozen_branch_gives_the_same_in_training(case):
    branch = build(case, freeze=True).train()
    frames, times = clips()
    tokens = branch(frames, times)
    assert not any(weight.requires_grad for weight in branch.parameters())
    assert not tokens.values.requires_grad
    assert torch.equal(branch(frames, times).values, branch.eval()(frames, times).values)


@pytest.mark.parametrize("case", WITH_STATISTICS)
def test_statistics_learn_unless_they_are_kept(case):
    branch = build(case)
    before = buffers_of(branch)
    torch.manual_seed(0)
    with keep_statistics(branch):
        kept = branch(*clips()).values
    assert same(before, buffers_of(branch))
    torch.manual_seed(0)
    assert torch.equal(branch(*clips()).values, kept)  # both normalise by the batch
    after = buffers_of(branch)
    assert not any(torch.equal(before[name], after[name]) for name in before if "running" in name)


@pytest.mark.parametrize("freeze_batchnorm", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_checkpointing_changes_neither_gradients_nor_statistics(case, freeze_batchnorm):
    plain = build(case, freeze_batchnorm=freeze_batchnorm)
    saving = type(plain)(config=dataclasses.replace(plain.config, gradient_checkpointing=True))
    saving.load_state_dict(copy.deepcopy(plain.state_dict()))
    frames, times = clips()
    for branch in (plain, saving):
        for _ in range(2):  # twice: a step must not spoil the next
            torch.manual_seed(0)
            values = branch(frames, times).values
            (values * torch.linspace(-1, 1, values.numel()).view_as(values)).sum().backward()
    gradients = {name: weight.grad for name, weight in saving.named_parameters()}
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], msg=name)
    assert same(buffers_of(plain), buffers_of(saving))


@pytest.mark.parametrize("case", CASES)
def test_checkpointing_stores_fewer_activations(case):
    def stored(branch):
        count = 0

        def pack(tensor):
            nonlocal count
            count += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            branch(*clips())
        return count

    # the deep stem of test_resnet, which timm does not recompute, is a third of it
    assert stored(build(case, gradient_checkpointing=True)) < 0.6 * stored(build(case))

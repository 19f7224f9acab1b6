import copy

import pytest
import torch
from torch import nn

from vaer.models.layers.batchnorm import BatchNorm


def values_of(*shape, dtype=torch.float32):
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(0)) * 3 + 5
    return values.to(dtype).contiguous(memory_format=torch.channels_last_3d)


def one_step(norm, values):
    """The result, the gradients of values, weight and bias, and the statistics after a step."""
    values = values.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    made = norm(values)
    (made * torch.linspace(-1, 1, made.numel(), dtype=made.dtype).view_as(made)).sum().backward()
    return made, values.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var


def pair(channels):
    """Ours, and torch's in double precision with the same weights."""
    ours = BatchNorm(channels)
    nn.init.uniform_(ours.weight, 0.5, 1.5)
    theirs = nn.BatchNorm3d(channels).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("shape", [(2, 3, 4, 5, 6), (1, 7, 1, 1, 2), (2, 8, 16, 28, 28)])
def test_learns_as_torch_does(shape):
    ours, theirs = pair(shape[1])
    values = values_of(*shape)
    for found, wanted in zip(one_step(ours, values), one_step(theirs, values.double()), strict=True):
        torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item() + 1e-6)
    assert ours.num_batches_tracked == theirs.num_batches_tracked == 1


def test_many_values_are_as_precise_as_few():
    ours, theirs = pair(8)
    values = values_of(2, 8, 16, 56, 56)
    torch.testing.assert_close(ours(values).double(), theirs(values.double()), rtol=0, atol=3e-6)


def test_answers_are_those_of_torch_to_the_last_bit():
    ours = BatchNorm(3)
    ours(values_of(2, 3, 4, 5, 6))
    theirs = nn.BatchNorm3d(3)
    theirs.load_state_dict(ours.state_dict())
    values = values_of(1, 3, 2, 2, 2)
    assert torch.equal(ours.eval()(values), theirs.eval()(values))


@pytest.mark.parametrize("change", [lambda values: values.contiguous(), lambda values: values.double()])
def test_other_layouts_and_precisions_are_left_to_torch(change):
    values = change(values_of(2, 3, 4, 5, 6))
    ours = BatchNorm(3).to(values.dtype)
    theirs = nn.BatchNorm3d(3).to(values.dtype)
    assert torch.equal(ours(values), theirs(values))


def test_a_single_value_has_no_variance():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        BatchNorm(3)(values_of(1, 3, 1, 1, 1))


def test_a_channel_that_never_changes_gives_its_bias():
    ours = BatchNorm(2)
    nn.init.constant_(ours.bias, 0.25)
    torch.testing.assert_close(ours(torch.ones(2, 2, 3, 4, 5).contiguous(memory_format=torch.channels_last_3d)),
                               torch.full((2, 2, 3, 4, 5), 0.25))


def test_a_copy_and_a_synchronised_one_are_batch_norms():
    assert isinstance(nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(BatchNorm(3)))[0], nn.SyncBatchNorm)
    assert isinstance(copy.deepcopy(BatchNorm(3)), BatchNorm)

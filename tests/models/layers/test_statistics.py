import torch
from timm.layers import BatchNormAct2d
from torch import nn

from vaer.models.layers.statistics import averaged, batch_norms, keep_statistics, recompute_in_backward, synchronised


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.ReLU()).train()


def test_statistics_are_kept_and_the_answer_is_that_of_training():
    module, values = make(), torch.randn(4, 2, 8)
    expected = make()(values)
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    with keep_statistics(module):
        inside = module(values)
    torch.testing.assert_close(inside, expected)
    assert all(torch.equal(before[name], buffer) for name, buffer in module.named_buffers())
    assert len(batch_norms(module)) == 1


def test_synchronised_norms_keep_the_activation_that_timm_puts_into_them():
    torch.manual_seed(0)
    module = nn.Sequential(nn.BatchNorm2d(3), BatchNormAct2d(3)).eval()
    values = torch.randn(2, 3, 4, 4)
    wanted = module(values)
    assert (wanted == 0).any()  # of the ReLU
    made = synchronised(module)
    assert all(isinstance(norm, nn.SyncBatchNorm) for norm in batch_norms(made))
    assert torch.equal(made.eval()(values), wanted)


def test_recomputation_updates_statistics_once_and_has_the_same_gradient():
    values = torch.randn(4, 2, 8)
    plain, again = make(), make()
    plain(values).square().sum().backward()
    recompute_in_backward(again, values).square().sum().backward()
    for one, other in zip(plain.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    for one, other in zip(plain.buffers(), again.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_an_average_moves_by_what_its_decay_leaves():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 0.0)
    average = averaged(layer, 0.75)
    nn.init.constant_(layer.weight, 1.0)
    average.update(layer)
    assert average.module.weight.item() == 0.25

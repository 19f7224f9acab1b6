import pytest
import torch
from torch import nn

from vaer.models.layers.drop_path import drop_rates, dropping


def test_rates_grow_evenly_to_the_last():
    assert drop_rates(0.4, 4) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert drop_rates(0.4, 1) == [0.4]
    assert drop_rates(0.0, 2) == [0, 0]


def test_a_clip_loses_its_whole_residual_or_has_it_scaled():
    """At a rate of 0.2: 0, or 1 / 0.8 times what it was; in evaluation everything stays."""
    torch.manual_seed(0)
    end, values = dropping(nn.Identity(), 0.2), torch.ones(1000, 3, 2)
    rows = end(values).flatten(1)
    assert (rows == rows[:, :1]).all()
    assert rows.unique().tolist() == pytest.approx([0, 1.25])
    assert (rows[:, 0] == 0).float().mean().item() == pytest.approx(0.2, abs=0.04)
    assert torch.equal(end.eval()(values), values)


def test_a_rate_of_zero_adds_nothing():
    end = nn.Dropout(0.5)
    assert dropping(end, 0.0) is end

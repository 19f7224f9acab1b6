import pytest
import torch

from vaer.models.layers.time_encoding import LONGEST_S, SHORTEST_S, time_encoding


def test_a_quarter_of_each_period_by_hand():
    periods_s = SHORTEST_S, (SHORTEST_S * LONGEST_S) ** 0.5, LONGEST_S
    values = time_encoding(torch.tensor([[period / 4 for period in periods_s] + [0.0]]), 6)
    for number in range(3):  # a quarter of its own period: sine 1, cosine 0
        assert values[0, number, number].item() == pytest.approx(1, abs=1e-5)
        assert values[0, number, 3 + number].item() == pytest.approx(0, abs=1e-5)
    assert values[0, 3].tolist() == [0, 0, 0, 1, 1, 1]


def test_one_period_alone_is_the_shortest():
    torch.testing.assert_close(time_encoding(torch.tensor([[0.05]]), 2), torch.tensor([[[1.0, 0.0]]]), atol=1e-6,
                               rtol=0.0)

import torch
from makers import make_tokens

from vaer.models.layers.pooling import FLOOR, masked_mean, masked_statistics
from vaer.records import Tokens


def test_statistics_of_real_tokens_by_hand():
    values = torch.tensor([[[1.0], [3.0], [99.0]], [[5.0], [99.0], [99.0]], [[99.0], [99.0], [99.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False], [False, False, False]])
    tokens = Tokens(values, torch.zeros(3, 3), mask)
    assert masked_mean(tokens).tolist() == [[2.0], [5.0], [0.0]]
    # deviations: 1, 0 and, where nothing is real, exactly 0
    expected = torch.tensor([[2.0, (1 + FLOOR) ** 0.5], [5.0, FLOOR ** 0.5], [0.0, 0.0]])
    torch.testing.assert_close(masked_statistics(tokens), expected)


def test_the_gradient_of_equal_tokens_is_finite():
    tokens = make_tokens(2, 3, 4)
    values = torch.ones_like(tokens.values).requires_grad_()
    masked_statistics(tokens._replace(values=values)).sum().backward()
    assert torch.isfinite(values.grad).all()

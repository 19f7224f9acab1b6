import torch

from vaer.finite import listed, odd_tensors


def test_tensors_with_nan_or_an_infinity_are_named():
    tensors = {"good": torch.ones(2), "nan": torch.tensor([0.0, float("nan")]), "whole": torch.tensor([1, 2]),
               "low": torch.tensor(float("-inf")), "half": torch.tensor([70000.0]).half(), "empty": torch.zeros(0)}
    assert odd_tensors(tensors) == ["nan", "low", "half"]


def test_a_long_list_is_cut():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed(list("abcde")) == "a, b, c and 2 more"

import torch

from vaer.presence import note_rows, rows_of


def test_what_is_noted_is_not_asked_of_the_device_and_stays_with_its_tensor():
    half = torch.tensor([True, False, True])
    assert rows_of(half).tolist() == [0, 2]
    assert rows_of(note_rows(half, torch.tensor([1]))).tolist() == [1]  # not that anybody would
    assert rows_of(half.clone()).tolist() == [0, 2]
    assert rows_of(torch.zeros_like(half)).tolist() == []
    assert rows_of(half.to("cpu")).tolist() == [1]  # the same tensor

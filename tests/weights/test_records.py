import pytest
import torch
from torch import nn

from vaer.errors import UserError
from vaer.weights.records import Weights, apply, flags, summary


def branch():
    return nn.Sequential(nn.Conv1d(2, 3, 1, bias=False), nn.BatchNorm1d(3))


def weights(**other):
    tensors = {name: torch.full_like(tensor, 7) for name, tensor in branch().state_dict().items()}
    return Weights(**{"tensors": tensors, "left": {"fc.weight": "classifier of 9 classes"}, "about": "a file",
                      "settings": {"model.video.preset": "tiny"}} | other)


def test_every_tensor_is_loaded_and_said():
    network = branch()
    loaded = apply(network, weights(), "x.pkl")
    assert all((tensor == 7).all() for tensor in network.state_dict().values())
    assert str(loaded) == ("a file: 6 tensors loaded; left in the file: classifier of 9 classes (fc.weight); "
                           "as built: none")


def test_a_count_of_batches_may_be_absent():
    tensors = {name: tensor for name, tensor in weights().tensors.items() if "num_batches" not in name}
    assert len(apply(branch(), weights(tensors=tensors), "x.pkl").loaded) == 5


@pytest.mark.parametrize(("change", "expected"), [
    ({"0.weight": torch.zeros(3, 4, 1)}, r"0\.weight is \(3, 4, 1\) there and \(3, 2, 1\) here"),
    ({"0.weight": None}, r"0\.weight is absent there and \(3, 2, 1\) here"),
    ({"2.weight": torch.zeros(5)}, r"2\.weight is \(5,\) there and absent here"),
])
def test_what_does_not_fit_is_refused_with_both_shapes_and_the_settings(change, expected):
    tensors = {name: tensor for name, tensor in (weights().tensors | change).items() if tensor is not None}
    network = branch()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(UserError, match=rf"x\.pkl: a file does not fit: {expected}\. It fits --model\.video\.preset"):
        apply(network, weights(tensors=tensors), "x.pkl")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_many_names_are_counted_and_no_settings_are_said():
    tensors = {f"other.{number}": torch.zeros(1) for number in range(9)}
    with pytest.raises(UserError, match=r"and 8 more\. No settings of this branch fit it"):
        apply(branch(), weights(tensors=tensors, settings={}), "x.pkl")  # 5 of ours and 9 of theirs, 6 shown


def test_what_a_file_never_holds_stays_as_built_and_is_said():
    network = branch()
    tensors = {"0.weight": torch.zeros(3, 2, 1)}
    loaded = apply(network, weights(tensors=tensors, fresh=("1.",)), "x.pkl")
    assert loaded.fresh == ["1.weight", "1.bias", "1.running_mean", "1.running_var"]
    assert str(loaded).endswith("as built: 1.weight, 1.bias and 2 more")


def test_settings_read_as_they_are_typed():
    assert flags({"model.video.preset": "tiny", "model.video.blocks": [1, 2], "model.video.freeze": True}) == (
        "--model.video.preset tiny --model.video.blocks [1,2] --model.video.freeze true")


def test_left_tensors_are_told_by_reason():
    assert summary({"a": "head", "b": "head", "c": "head", "d": "state"}) == ["head (a, b and 1 more)", "state (d)"]

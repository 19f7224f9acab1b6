import pytest
import timm
import torch
from makers import tiny_config

from vaer.config import VideoConfig
from vaer.errors import UserError
from vaer.models.video.timm_branch import TimmBranch
from vaer.weights import read_video
from vaer.weights.images import read_image_name
from vaer.weights.records import apply

SIZES = {"layers": 1, "dim": 8, "heads": 2}


def config_of(network="test_resnet", **settings):
    return tiny_config(video=VideoConfig(kind="timm", network=network, **SIZES | settings)).model.video


def made(tmp_path, name="test_resnet", wrap=lambda state: state):
    torch.manual_seed(1)
    network = timm.create_model(name, num_classes=5)
    torch.save(wrap(network.state_dict()), tmp_path / "network.pth")
    return network, str(tmp_path / "network.pth")


def wrapped(state):
    return {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}


@pytest.mark.parametrize("wrap", [lambda state: state, wrapped])
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext"])
def test_a_file_in_names_of_timm_loads_whole(tmp_path, name, wrap):
    network, source = made(tmp_path, name, wrap)
    config = config_of(name)
    branch = TimmBranch(config=config)
    loaded = apply(branch, read_video(source, config), source)
    theirs = network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in branch.network.state_dict().items())
    assert {part.split(".")[0] for part in loaded.fresh} == {"enter", "time", "norm"}
    assert "classifier of 5 classes" in loaded.left.values()


def test_another_network_is_refused_with_what_it_holds(tmp_path):
    _, source = made(tmp_path, "test_vit")
    with pytest.raises(UserError, match=r"holds .*and no conv1\.0\.weight as timm's test_resnet does"):
        read_video(source, config_of("test_resnet"))
    _, source = made(tmp_path, "test_vit3")
    branch, weights = TimmBranch(config=config_of("test_vit2")), read_video(source, config_of("test_vit2"))
    with pytest.raises(UserError, match=r"read as test_vit2 does not fit: .* No settings of this branch fit it"):
        apply(branch, weights, source)


def test_layers_over_time_are_not_frozen_as_they_start(tmp_path):
    _, source = made(tmp_path)
    with pytest.raises(UserError, match=r"freeze_network true instead, or --model\.video\.layers 0"):
        read_video(source, config_of(freeze=True))
    assert read_video(source, config_of(freeze=True, layers=0)).tensors


def test_two_names_are_refused():
    with pytest.raises(UserError, match=r"network test_resnet and --model\.video\.pretrained timm:test_vit name two"):
        read_image_name("test_vit", config_of())


def test_a_name_is_the_network_and_its_weights(monkeypatch):
    network = timm.create_model("test_resnet.r160_in1k")
    monkeypatch.setattr("vaer.weights.images.fetch_timm", lambda name: network)
    config = tiny_config(video=VideoConfig(kind="timm", pretrained="timm:test_resnet.r160_in1k")).model.video
    assert config.network == "test_resnet.r160_in1k"
    branch = TimmBranch(config=config)
    apply(branch, read_video("timm:test_resnet.r160_in1k", config), "timm:test_resnet.r160_in1k")
    assert torch.equal(branch.network.conv1[0].weight, network.conv1[0].weight)

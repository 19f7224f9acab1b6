import pytest
import timm
import torch
from makers import tiny_config

from vaer.config import VideoConfig
from vaer.errors import UserError
from vaer.models.video.timm_branch import TimmBranch
from vaer.weights import describe, read_video
from vaer.weights.efficientnet_lite import VARIANTS, read_lite
from vaer.weights.records import apply

FIELDS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def norm(layer):
    return [f"{layer}.{field}" for field in FIELDS]


def names(num_blocks):
    """What the package calls its tensors, in the order in which its file holds them: only block 0 does not expand."""
    found = ["_conv_stem.weight", *norm("_bn0")]
    for number in range(num_blocks):
        block = f"_blocks.{number}."
        if number:
            found += [f"{block}_expand_conv.weight", *norm(f"{block}_bn0")]
        found += [f"{block}_depthwise_conv.weight", *norm(f"{block}_bn1"),
                  f"{block}_project_conv.weight", *norm(f"{block}_bn2")]
    return [*found, "_conv_head.weight", *norm("_bn1"), "_fc.weight", "_fc.bias"]


def network_and_file(name="tf_efficientnet_lite0", num_blocks=16):
    """timm's network with random statistics, and its tensors, in the same order, by the names of the package."""
    torch.manual_seed(0)
    network = timm.create_model(name).eval()
    state = network.state_dict()
    for tensor in state.values():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5)
    return network, dict(zip(names(num_blocks), state.values(), strict=True))


def config_of(**settings):
    video = VideoConfig(kind="timm", network="tf_efficientnet_lite0", layers=0, **settings)
    return tiny_config(video=video).model.video


def test_the_answers_are_those_of_timm(tmp_path):
    network, values = network_and_file()
    torch.save(values, tmp_path / "lite.pth")
    branch = TimmBranch(config=config_of()).eval()
    loaded = apply(branch, read_video(str(tmp_path / "lite.pth"), config_of()), "lite.pth")
    assert loaded.fresh == []
    assert set(loaded.left) == {"_fc.weight", "_fc.bias"}
    pictures = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    network.to(memory_format=torch.channels_last)  # as the branch lays weights out: another order would round otherwise
    with torch.inference_mode():
        wanted = network.forward_head(network.forward_features(pictures), pre_logits=True)
        assert torch.equal(branch.network(pictures), wanted)


def test_it_is_recognised_and_its_flags_are_told(tmp_path):
    _, values = network_and_file()
    torch.save({"state_dict": values}, tmp_path / "lite.pth")
    lines = describe(str(tmp_path / "lite.pth"))
    assert "an EfficientNet-Lite, timm's tf_efficientnet_lite0, 294 tensors" in lines[0]
    assert lines[1].endswith("--model.video.kind timm --model.video.network tf_efficientnet_lite0")
    assert "classifier of 1000 classes" in lines[2]
    read = read_video(str(tmp_path / "lite.pth"), tiny_config().model.video)  # that of SlowFast
    with pytest.raises(UserError, match=r"It fits --model\.video\.kind timm --model\.video\.network tf_efficient"):
        apply(torch.nn.Linear(1, 1), read, "lite.pth")


# blocks: 1 + 2 + 2 + 3 + 3 + 4 + 1, or those of the stages between times 1.1 and 1.2 rounded up: widths tell them apart
@pytest.mark.parametrize(("name", "num_blocks"), [(name, 1 + 3 + 3 + 4 + 4 + 5 + 1) for name in VARIANTS[1:3]])
def test_larger_ones_are_told_by_their_shapes(name, num_blocks):
    _, values = network_and_file(name, num_blocks)
    assert read_lite(values).settings["model.video.network"] == name


def test_other_networks_and_widths_are_none():
    _, values = network_and_file()
    assert read_lite(values | {"_blocks.0._se_reduce.weight": torch.ones(1)}) is None
    assert read_lite({"conv1.weight": torch.ones(1)}) is None
    assert read_lite(values | {"_conv_stem.weight": torch.ones(48, 3, 3, 3)}).settings == {}
    odd = read_lite(values | {"_blocks.3._odd.weight": torch.ones(1)})
    assert odd.settings == {}
    assert "network.blocks.2.0._odd.weight" in odd.tensors

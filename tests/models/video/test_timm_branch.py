import copy

import pytest
import timm
import torch
from makers import tiny_config
from timm.optim import param_groups_layer_decay
from torch import nn

from vaer.config import VideoConfig
from vaer.errors import UserError
from vaer.models.video.timm_branch import TimmBranch, enable_checkpointing

WITHOUT_TIME = {"layers": 0}
WITH_TIME = {"layers": 1, "dim": 8, "heads": 2}


def build(network="test_resnet", **settings):
    torch.manual_seed(0)
    video = VideoConfig(kind="timm", network=network, **settings)
    return TimmBranch(config=tiny_config(video=video).model.video)


def clips(value=None, size=32, time=4):
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (2, time, size, size, 3), dtype=torch.uint8, generator=generator)
    return frames if value is None else torch.full_like(frames, value), torch.arange(time).repeat(2, 1) / 10


# What timm says of the networks: (0 - .5) / .5 and (1 - .5) / .5; red of ImageNet: -.485 / .229 and (1 - .485) / .229.
@pytest.mark.parametrize(("network", "black", "white"), [
    ("test_resnet", -1.0, 1.0), ("test_efficientnet", -0.485 / 0.229, (1 - 0.485) / 0.229)])
def test_colours_are_scaled_as_the_network_is_used_to(network, black, white):
    branch = build(network)
    seen = []
    branch.network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    for value in (0, 255):
        branch(*clips(value))
    assert seen[0].shape == (8, 3, 32, 32)
    assert seen[0][:, 0].unique().tolist() == pytest.approx([black])
    assert seen[1][:, 0].unique().tolist() == pytest.approx([white])
    assert "mean" not in branch.state_dict()


def test_without_layers_a_token_is_what_timm_gives():
    branch = build(**WITHOUT_TIME).eval()
    network = timm.create_model("test_resnet").eval()
    network.load_state_dict(branch.network.state_dict(), strict=False)
    frames, times = clips()
    pictures = (frames[1, 2].permute(2, 0, 1) / 255 - 0.5) / 0.5  # test_resnet's own scale
    with torch.inference_mode():
        wanted = network.forward_head(network.forward_features(pictures[None]), pre_logits=True)[0]
        torch.testing.assert_close(branch(frames, times).values[1, 2], wanted, atol=1e-5, rtol=1e-4)
    assert branch.out_dim == 96


@pytest.mark.parametrize(("settings", "changes"), [(WITHOUT_TIME, False), (WITH_TIME, True)])
def test_a_frame_knows_the_others_by_attention_over_time_alone(settings, changes):
    branch = build(**settings).eval()
    frames, times = clips()
    other = frames.clone()
    other[:, 3] = 255 - other[:, 3]
    with torch.inference_mode():
        first, again = (branch(given, times).values[:, 0] for given in (frames, other))
        later = branch(frames, times * 2).values[:, 0]
    assert ((first - again).abs().max() > 1e-4) == changes
    assert ((first - later).abs().max() > 1e-4) == changes  # seconds count, not places


@pytest.mark.parametrize("network", ["test_resnet", "test_vit", "test_convnext"])
def test_rates_per_layer_are_those_of_timm(network):
    branch = build(network, **WITHOUT_TIME)
    wanted = {id(weight): group["lr_scale"] for group in param_groups_layer_decay(branch.network, layer_decay=0.5)
              for weight in group["params"]}
    groups = branch.layers()
    ours = {id(weight): 0.5 ** (len(groups) - 1 - number) for number, group in enumerate(groups) for part in group
            for weight in part.parameters()}
    assert ours == wanted
    assert len(set(ours.values())) > 3


def test_a_network_without_groups_is_one():
    with torch.device("meta"):
        branch = build("poolformer_s12", **WITH_TIME)
    assert [len(group) for group in branch.layers()] == [1, 3]
    assert branch.layers()[0] == [branch.network]


def test_attention_over_time_learns_fastest():
    branch = build(**WITH_TIME)
    last = {id(weight) for part in branch.layers()[-1] for weight in part.parameters()}
    assert last == {id(weight) for name, weight in branch.named_parameters() if not name.startswith("network.")}


def test_a_frozen_network_lets_attention_over_time_learn():
    branch = build(freeze_network=True, **WITH_TIME).train()
    before = copy.deepcopy(branch.network.state_dict())
    branch(*clips()).values.square().sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in branch.network.state_dict().items())
    assert all((weight.grad is None) == name.startswith("network.") for name, weight in branch.named_parameters())


def test_a_size_that_the_network_does_not_take_is_said():
    branch = build("gmlp_ti16_224", **WITHOUT_TIME).eval()
    with pytest.raises(UserError, match=r"--data\.size 32: .*gmlp_ti16_224 takes no frames of 32 x 32 .*size 224"):
        branch(*clips())
    state = torch.get_rng_state()
    with torch.inference_mode():
        assert branch(*clips(size=224, time=1)).values.shape == (2, 1, 128)
    assert branch.sizes == {(224, 224)}
    assert torch.equal(torch.get_rng_state(), state)  # the copy that was tried drew nothing


@pytest.mark.parametrize(("name", "reason"), [
    ("resnet5000", r"does not build it.*did you mean .*resnet"), ("xyzxyz", r"does not build it.*list_models"),
    ("test_resnet.nowhere", "does not build it"), ("hf-hub:someone/network", "is no name of timm's")])
def test_a_name_that_timm_does_not_know_is_said(name, reason):
    with pytest.raises(UserError, match=rf"^--model\.video\.network {name}.*{reason}"):
        build(name)


def test_a_network_that_cannot_recompute_is_said():
    class Plain(nn.Module):
        def set_grad_checkpointing(self, enable):
            assert not enable, "gradient checkpointing not supported"

    for network in (Plain(), nn.Linear(1, 1)):
        with pytest.raises(UserError, match=r"gradient_checkpointing: timm's plain cannot"):
            enable_checkpointing(network, "plain")


def test_a_frame_that_is_shown_for_several_moments_is_encoded_once(monkeypatch):
    """A still, a clip of two frames shown twice each, and one of four: 1 + 2 + 4 frames; the answers are the same."""
    branch = build(layers=0).eval()
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (3, 4, 32, 32, 3), dtype=torch.uint8, generator=generator)
    frames[0], frames[1, 1], frames[1, 3] = frames[0, 0], frames[1, 0], frames[1, 2]
    times = torch.tensor([[0.0] * 4, [0.0, 0.0, 0.2, 0.2], [0.0, 0.1, 0.2, 0.3]])
    with torch.inference_mode():
        whole = branch._encode(branch._scaled(frames))
        seen, encode = [], branch._encode
        monkeypatch.setattr(branch, "_encode", lambda part: seen.append(len(part)) or encode(part))
        values = branch(frames, times).values
    assert seen == [7]
    torch.testing.assert_close(values, whole.view(3, 4, -1), rtol=1e-4, atol=1e-5)

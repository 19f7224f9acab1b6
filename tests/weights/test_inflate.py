import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from vaer.config import Config, ModelConfig, VideoConfig, resolve
from vaer.errors import UserError
from vaer.models.video.slowfast import MEAN, STD, SlowFast
from vaer.weights import read_video
from vaer.weights.inflate import IMAGENET, Scale, inflate_resnet
from vaer.weights.records import apply

TIME = 8


def settings_of(preset="r50_8x8", **video):
    return resolve(Config(model=ModelConfig(video=VideoConfig(preset=preset, **video)))).model.video


def learned(network):
    """The network with norms as if they had learned."""
    torch.manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.2, 0.2)
            nn.init.uniform_(part.running_mean, -0.2, 0.2)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return network.eval()


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return learned(timm.create_model("resnet50", pretrained=False))


def picture(size=64):
    return torch.randint(0, 256, (size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


def answer_2d(network, picture, scale=IMAGENET, *, padding=None):
    """Pooled features of timm's network, (2048,); `padding` is the colour outside of the frame, 0 to 1."""
    colours = picture.permute(2, 0, 1)[None] / 255  # (1, 3, height, width)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in scale)
    if padding is None:
        values = network.conv1((colours - mean) / std)
    else:
        padded = nn.functional.pad(colours, (3, 3, 3, 3), value=padding)
        values = nn.functional.conv2d((padded - mean) / std, network.conv1.weight, stride=2)
    values = network.maxpool(network.act1(network.bn1(values)))
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        values = stage(values)
    return values.mean((2, 3))[0]


def error(ours, wanted):
    return ((ours - wanted).abs().max() / wanted.abs().max()).item()


def answer_3d(branch, picture):
    """The tokens of a static clip, (time, dim)."""
    frames = picture.expand(1, TIME, *picture.shape)
    with torch.inference_mode():
        return branch.eval()(frames, torch.arange(TIME)[None] / 10).values[0]


@pytest.mark.parametrize("pathways", ["slow", "both"])
@pytest.mark.parametrize("file", ["x.pth", "x.safetensors"])
def test_a_static_clip_is_answered_as_by_the_2d_network_at_every_time(tmp_path, resnet, pathways, file):
    """Its padding is grey, as ours: with its own, the mean colour of ImageNet, the answers are near."""
    save = torch.save if file == "x.pth" else save_file
    save(resnet.state_dict(), tmp_path / file)
    branch = SlowFast(config=settings_of(pathways=pathways))
    weights = read_video(str(tmp_path / file), branch.config)
    assert weights.left == dict.fromkeys(("fc.weight", "fc.bias"), "classifier of 1000 classes")
    loaded = apply(branch, weights, file)
    assert {name.split(".")[0] for name in loaded.fresh} == ({"fast", "laterals"} if pathways == "both" else set())
    tokens = answer_3d(branch, picture())[:, :2048]
    with torch.inference_mode():
        wanted = answer_2d(resnet, picture(), padding=MEAN)
        near = answer_2d(resnet, picture())
    assert error(tokens, wanted.expand_as(tokens)) < 1e-5
    assert 1e-5 < error(tokens, near.expand_as(tokens)) < 0.2


def test_every_picture_of_a_moving_clip_is_answered_alone(resnet):
    branch = SlowFast(config=settings_of(pathways="slow", alpha=1))
    apply(branch, inflate_resnet(resnet.state_dict(), "x", branch.config), "x")
    pictures = torch.stack([picture(), picture().flip(0)])
    with torch.inference_mode():
        tokens = branch.eval()(pictures[None], torch.tensor([[0.0, 1.0]])).values[0]
        wanted = torch.stack([answer_2d(resnet, one, padding=MEAN) for one in pictures])
    assert error(tokens, wanted) < 1e-5


def test_a_network_on_our_scale_keeps_its_weights(resnet):
    weights = inflate_resnet(resnet.state_dict(), "x", settings_of(pathways="slow"), Scale((MEAN,) * 3, (STD,) * 3))
    kernel = weights.tensors["slow.stem.conv.weight"]
    assert kernel.shape == (64, 3, 1, 7, 7)
    assert torch.allclose(kernel[:, :, 0], resnet.conv1.weight)
    assert torch.allclose(weights.tensors["slow.stem.norm.running_mean"], resnet.bn1.running_mean)


def test_the_neighbours_in_time_and_the_lateral_columns_start_at_zero_and_learn(resnet):
    branch = SlowFast(config=settings_of("r50_4x16"))
    apply(branch, inflate_resnet(resnet.state_dict(), "x", branch.config), "x")
    temporal = branch.slow.stages[2][0].conv_a.weight  # 512 channels and 2 x 64 lateral ones
    assert temporal.shape == (256, 640, 3, 1, 1)
    assert torch.equal(temporal[:, :512, 1, 0, 0], resnet.layer3[0].conv1.weight[:, :, 0, 0])
    assert temporal[:, :, [0, 2]].abs().max() == 0
    assert temporal[:, 512:].abs().max() == 0
    frames = picture(32).expand(1, 16, 32, 32, 3)
    branch.eval()(frames, torch.arange(16)[None] / 10).values.square().sum().backward()
    assert temporal.grad[:, :, 0].abs().max() > 0
    assert temporal.grad[:, 512:].abs().max() > 0


def test_torchvision_has_the_same_names():
    with torch.device("meta"):
        state = torchvision.models.resnet101().state_dict()
        branch = SlowFast(config=settings_of("r101_50_50", pathways="slow"))
    weights = inflate_resnet({name: torch.zeros(tensor.shape) for name, tensor in state.items()}, "x", branch.config)
    assert weights.settings == {"model.video.preset": "r101_50_50", "model.video.pathways": "slow"}
    assert {name: tensor.shape for name, tensor in weights.tensors.items()} == {
        name: tensor.shape for name, tensor in branch.state_dict().items()}


@pytest.mark.parametrize(("video", "targets"), [
    ({"pathways": "both", "beta_inv": 1}, {"slow", "fast"}), ({"pathways": "fast", "beta_inv": 1}, {"fast"}),
    ({"pathways": "both"}, {"slow"})])
def test_a_fast_pathway_of_the_same_width_is_inflated_too(resnet, video, targets):
    config = settings_of(**video)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in SlowFast(config=config).state_dict().items()}
    weights = inflate_resnet(resnet.state_dict(), "x", config)
    assert {name.split(".")[0] for name in weights.tensors} == targets
    assert all(tensor.shape == shapes[name] for name, tensor in weights.tensors.items())


@pytest.mark.parametrize(("name", "expected"), [
    ("resnet34", r"there and .* here"), ("wide_resnet50_2", r"conv_a.weight is \(128, .*No settings of this branch"),
    ("resnext50_32x4d", r"conv_b\.weight is .*No settings"), ("resnet101", "--model.video.preset r101_50_50")])
def test_a_network_of_other_shapes_is_refused(name, expected):
    with torch.device("meta"):
        state = timm.create_model(name).state_dict()
    state = {key: torch.zeros(tensor.shape) for key, tensor in state.items()}
    with torch.device("meta"):
        branch = SlowFast(config=settings_of(pathways="slow"))
    with pytest.raises(UserError, match=expected):
        apply(branch, inflate_resnet(state, "x", branch.config), "x")


@pytest.mark.parametrize("name", ["resnet50d", "seresnet50"])
def test_a_network_of_other_layers_is_refused_by_name(name):
    with torch.device("meta"):
        state = timm.create_model(name).state_dict()
    with pytest.raises(UserError, match=r"names that are unknown here \(.*choose a plain ResNet-50"):
        inflate_resnet(state, "x", settings_of(pathways="slow"))


def test_a_name_of_timm_is_fetched_with_its_scale(monkeypatch, resnet):
    asked = []

    def create(name, pretrained):
        asked.append((name, pretrained))
        resnet.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
        return resnet

    monkeypatch.setattr(timm, "create_model", create)
    config = settings_of(pathways="slow")
    weights = read_video("timm:resnet50.of_half", config)
    assert asked == [("resnet50.of_half", True)]
    wanted = inflate_resnet(resnet.state_dict(), "x", config, Scale((0.5,) * 3, (0.5,) * 3))
    name = "slow.stem.conv.weight"
    assert torch.equal(weights.tensors[name], wanted.tensors[name])


def test_a_name_that_timm_lacks_is_one_sentence():
    with pytest.raises(UserError, match=r"timm:resnet5000: timm does not give these weights \(Unknown model"):
        read_video("timm:resnet5000", settings_of())


def test_no_connection_is_one_sentence(monkeypatch):
    def offline(name, pretrained):
        raise OSError("no connection")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(UserError, match=r"no connection.*https://huggingface\.co/timm/resnet50\.a1_in1k"):
        read_video("timm:resnet50.a1_in1k", settings_of())

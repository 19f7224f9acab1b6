"""Against pytorchvideo's own network; the names of the other two formats are written out here, apart from the code."""

import pickle
import re

import numpy as np
import pytest
import torch
from torch import nn

from vaer.config import Config, DataConfig, ModelConfig, VideoConfig, resolve
from vaer.errors import UserError
from vaer.models.video.slowfast import SlowFast, normalise, slow_index
from vaer.presets import VIDEO_PRESETS
from vaer.weights import read_video
from vaer.weights.pickles import read_file
from vaer.weights.records import apply
from vaer.weights.slowfast import read_slowfast

SIX_OF_23 = ((3, 1, 1),) * 6 + ((1, 1, 1),) * 17
KERNELS_50_50 = (((1, 1, 1), (1, 1, 1), SIX_OF_23, (3, 1, 1)), ((3, 1, 1), (3, 1, 1), SIX_OF_23, (3, 1, 1)))
KERNELS_50_101 = (((1, 1, 1), (1, 1, 1), SIX_OF_23, (3, 1, 1)), ((3, 1, 1),) * 4)
ORIGINALS = {  # what create_slowfast is told for the networks of the zoo
    "r50_8x8": {},
    "r50_4x16": {"slowfast_fusion_conv_kernel_size": (5, 1, 1), "slowfast_fusion_conv_stride": (8, 1, 1)},
    "r101_101_101": {"model_depth": 101, "slowfast_fusion_conv_kernel_size": (5, 1, 1)},
    "r101_50_50": {"model_depth": 101, "slowfast_fusion_conv_kernel_size": (5, 1, 1),
                   "stage_conv_a_kernel_sizes": KERNELS_50_50},
    "r101_50_101": {"model_depth": 101, "slowfast_fusion_conv_kernel_size": (5, 1, 1),
                    "stage_conv_a_kernel_sizes": KERNELS_50_101},
}
SMALL = {"stem_dim_outs": (16, 2), "model_num_class": 5}  # the full depth at a quarter of the width
pytestmark = [pytest.mark.filterwarnings(f"ignore:.*torch.jit.script.*:{kind}")  # fvcore, on which pytorchvideo stands
              for kind in ("DeprecationWarning", "FutureWarning")]  # by the version of torch


def settings_of(preset, **video):
    made = Config(data=DataConfig(num_frames=16), model=ModelConfig(video=VideoConfig(preset=preset, **video)))
    return resolve(made).model.video


def original(preset, time=16, size=64, **other):
    """pytorchvideo's network of a preset, its norms as if they had learned."""
    from pytorchvideo.models.slowfast import create_slowfast

    torch.manual_seed(0)
    slow_time = time // VIDEO_PRESETS[preset]["alpha"]
    edge = size // 32
    network = create_slowfast(head_pool_kernel_sizes=((slow_time, edge, edge), (time, edge, edge)), dropout_rate=0.0,
                              **ORIGINALS[preset], **other)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm3d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.2, 0.2)
            nn.init.uniform_(part.running_mean, -0.2, 0.2)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return network


@pytest.fixture(scope="module")
def small():
    return original("r50_8x8", **SMALL)


def clips(time=16, size=64):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (2, time, size, size, 3), dtype=torch.uint8, generator=generator)


def error(ours, wanted):
    return ((ours - wanted).abs().max() / wanted.abs().max()).item()


def compare(theirs, ours, frames, alpha):
    """Errors of the features before the head and of the logits through their head."""
    pictures = normalise(frames).to(theirs.blocks[6].proj.weight.dtype)
    index = slow_index(frames.shape[1], alpha)
    features = []
    hook = theirs.blocks[5].register_forward_hook(lambda module, inputs, output: features.append(output.flatten(1)))
    with torch.no_grad():
        logits = theirs([pictures[:, :, index].clone(), pictures.clone()])
        pooled = torch.cat([values.mean(1) for values in ours._both(pictures, index)], dim=1)
    hook.remove()
    head = theirs.blocks[6].proj
    return error(pooled, features[0]), error(nn.functional.linear(pooled, head.weight, head.bias), logits)


@pytest.mark.parametrize("preset", ORIGINALS)
@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_equals_pytorchvideo_in_evaluation_and_in_training(tmp_path, preset, full):
    theirs = original(preset, **({} if full else SMALL))
    torch.save({"model_state": theirs.state_dict()}, tmp_path / "x.pyth")
    config = settings_of(preset, **({} if full else {"width": 16}))
    weights = read_video(str(tmp_path / "x.pyth"), config)
    assert weights.settings["model.video.preset"] == preset
    assert weights.left == dict.fromkeys(("blocks.6.proj.weight", "blocks.6.proj.bias"),
                                         f"classifier of {400 if full else 5} classes")
    ours = SlowFast(config=config)
    assert apply(ours, weights, "x.pyth").fresh == []
    features, logits = compare(theirs.eval(), ours.eval(), clips(), config.alpha)
    assert features < 1e-5
    assert logits < 1e-5
    # Norms over the statistics of a few values enlarge rounding: in single precision pytorchvideo's own answers move
    # by 5e-5 when its memory format changes. In double precision only the same network agrees.
    features, logits = compare(theirs.double().train(), ours.double().train(), clips(), config.alpha)
    assert features < 1e-11
    assert logits < 1e-11
    buffers = dict(ours.named_buffers())
    learned = [name for name in buffers if name.endswith("running_var")]
    their_weights = read_slowfast(theirs.state_dict(), tmp_path).tensors
    assert all(torch.allclose(buffers[name], their_weights[name], rtol=1e-4) for name in learned)


def layers():
    """Every layer of an R50: pytorchvideo's name of its convolution and norm, Caffe2's, PySlowFast's (conv, norm)."""
    for number, prefix in ((0, ""), (1, "t_")):
        place = f"multipathway_blocks.{number}"
        yield (f"blocks.0.{place}.conv", f"blocks.0.{place}.norm", f"{prefix}conv1", f"{prefix}res_conv1_bn",
               f"s1.pathway{number}_stem.conv", f"s1.pathway{number}_stem.bn")
        for stage, depth in ((2, 3), (3, 4), (4, 6), (5, 3)):
            for block in range(depth):
                theirs = f"blocks.{stage - 1}.{place}.res_blocks.{block}"
                caffe = f"{prefix}res{stage}_{block}_branch"
                pyslowfast = f"s{stage}.pathway{number}_res{block}.branch"
                if block == 0:
                    yield (f"{theirs}.branch1_conv", f"{theirs}.branch1_norm", f"{caffe}1", f"{caffe}1_bn",
                           f"{pyslowfast}1", f"{pyslowfast}1_bn")
                for layer in "abc":
                    yield (f"{theirs}.branch2.conv_{layer}", f"{theirs}.branch2.norm_{layer}", f"{caffe}2{layer}",
                           f"{caffe}2{layer}_bn", f"{pyslowfast}2.{layer}", f"{pyslowfast}2.{layer}_bn")
    for number, caffe in enumerate(("t_pool1", "t_res2_2_branch2c_bn", "t_res3_3_branch2c_bn",
                                    "t_res4_5_branch2c_bn")):
        theirs = f"blocks.{number}.multipathway_fusion"
        yield (f"{theirs}.conv_fast_to_slow", f"{theirs}.norm", f"{caffe}_subsample", f"{caffe}_subsample_bn",
               f"s{number + 1}_fuse.conv_f2s", f"s{number + 1}_fuse.bn")


def caffe2_blobs(theirs):
    """The network as the zoo's Caffe2 files have it, beside the state of its training."""
    state = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    blobs = {"model_iter": 1000, "lr": np.float32(0.1), "pred_w": state["blocks.6.proj.weight"],
             "pred_b": state["blocks.6.proj.bias"], "pred_w_momentum": state["blocks.6.proj.weight"]}
    for conv, norm, caffe_conv, caffe_norm, _, _ in layers():
        blobs[f"{caffe_conv}_w"] = state[f"{conv}.weight"]
        blobs[f"{caffe_conv}_w_momentum"] = state[f"{conv}.weight"]
        for field, short in (("weight", "s"), ("bias", "b"), ("running_mean", "rm"), ("running_var", "riv")):
            blobs[f"{caffe_norm}_{short}"] = state[f"{norm}.{field}"]
        blobs[f"{caffe_norm}_s_momentum"] = state[f"{norm}.weight"]
    return blobs


def pyslowfast_state(theirs):
    state = theirs.state_dict()
    named = {"head.projection.weight": state["blocks.6.proj.weight"],
             "head.projection.bias": state["blocks.6.proj.bias"]}
    for conv, norm, _, _, their_conv, their_norm in layers():
        named[f"{their_conv}.weight"] = state[f"{conv}.weight"]
        for field in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            named[f"{their_norm}.{field}"] = state[f"{norm}.{field}"]
    assert len(named) == len(state)
    return named


def loaded_like(weights, theirs, config):
    ours = SlowFast(config=config).eval()
    assert apply(ours, weights, "x").fresh == []
    return max(compare(theirs.eval(), ours, clips(), config.alpha))


@pytest.mark.parametrize("protocol", [2, 4])
def test_caffe2_blobs_give_the_same_network(tmp_path, small, protocol):
    (tmp_path / "SLOWFAST_8x8_R50.pkl").write_bytes(pickle.dumps({"blobs": caffe2_blobs(small)}, protocol=protocol))
    config = settings_of("r50_8x8", width=16)
    weights = read_video(str(tmp_path / "SLOWFAST_8x8_R50.pkl"), config)
    assert weights.settings == {"model.video.preset": "r50_8x8", "model.video.pathways": "both",
                                "model.video.width": 16}
    reasons = {name: reason for name, reason in weights.left.items() if not name.endswith("_momentum")}
    assert reasons == {"pred_w": "classifier of 5 classes", "pred_b": "classifier of 5 classes",
                       "model_iter": "state of its training", "lr": "state of its training"}
    assert loaded_like(weights, small, config) < 1e-5


def test_a_checkpoint_of_pyslowfast_gives_the_same_network_and_tells_alpha(tmp_path, small):
    content = {"epoch": 1, "model_state": pyslowfast_state(small), "optimizer_state": {"state": {}},
               "cfg": "SLOWFAST:\n  ALPHA: 8\n"}
    torch.save(content, tmp_path / "x.pkl")  # a torch checkpoint that is called .pkl
    config = settings_of("r50_8x8", width=16)
    weights = read_video(str(tmp_path / "x.pkl"), config)
    assert weights.settings["model.video.alpha"] == 8
    assert set(weights.left) == {"head.projection.weight", "head.projection.bias"}
    assert loaded_like(weights, small, config) < 1e-5


@pytest.mark.parametrize("cfg", ["A: [", "A: 1", "SLOWFAST: 3", 7])
def test_settings_that_tell_no_alpha_are_no_harm(small, cfg):
    weights = read_slowfast({"model_state": small.state_dict(), "cfg": cfg}, "x")
    assert "model.video.alpha" not in weights.settings


def test_the_fast_pathway_alone_takes_its_own_part(tmp_path, small):
    torch.save(small.state_dict(), tmp_path / "x.pyth")
    config = settings_of("r50_8x8", width=16, pathways="fast")
    weights = read_video(str(tmp_path / "x.pyth"), config)
    assert all(name.startswith("fast.") for name in weights.tensors)
    assert {weights.left[name] for name in ("slow.stem.conv.weight", "laterals.0.conv.weight")} == {
        "a pathway that is not built here"}
    assert apply(SlowFast(config=config), weights, "x").fresh == []


def test_a_slow_network_fits_the_slow_pathway(tmp_path, small):
    state = {re.sub(r"multipathway_blocks\.0\.", "", name): tensor for name, tensor in small.state_dict().items()
             if ".multipathway_blocks.1" not in name and "fusion" not in name}
    config = settings_of("r50_8x8", width=16, pathways="slow")
    narrow = SlowFast(config=config).state_dict()
    for stage in range(1, 5):  # without the columns of the lateral connections
        for layer in ("branch2.conv_a", "branch1_conv"):
            name = f"blocks.{stage}.res_blocks.0.{layer}.weight"
            ours = f"slow.stages.{stage - 1}.0.{'conv_a' if '2' in layer else 'shortcut.conv'}.weight"
            state[name] = state[name][:, :narrow[ours].shape[1]]
    torch.save(state, tmp_path / "x.pyth")
    weights = read_video(str(tmp_path / "x.pyth"), config)
    assert weights.settings["model.video.pathways"] == "slow"
    assert apply(SlowFast(config=config), weights, "x").fresh == []
    with pytest.raises(UserError, match=r"conv_a\.weight is \(16, 16, .* there and \(16, 20, .* here.*pathways slow"):
        apply(SlowFast(config=settings_of("r50_8x8", width=16)), weights, "x")


def test_another_preset_is_refused_with_the_settings_that_fit(small):
    weights = read_slowfast(small.state_dict(), "x")
    with pytest.raises(UserError, match=r"laterals\.0\.conv\.weight is \(4, 2, 7, 1, 1\) there and \(4, 2, 5, 1, 1\) "
                                        r"here.*It fits --model\.video\.preset r50_8x8 --model\.video\.pathways both"):
        apply(SlowFast(config=settings_of("r50_4x16", width=16)), weights, "x")


def test_a_shape_that_no_branch_has_fits_nothing(small):
    state = dict(small.state_dict())
    state["blocks.2.multipathway_blocks.0.res_blocks.1.branch2.conv_b.weight"] = torch.zeros(1, 1, 1, 3, 3)
    assert read_slowfast(state, "x").settings == {}
    stems = {"conv1_w": torch.zeros(7, 3, 1, 7, 7), "t_conv1_w": torch.zeros(2, 3, 5, 7, 7)}
    assert read_slowfast(stems, "x").settings == {}


@pytest.mark.parametrize(("name", "expected"), [
    ("nonlocal_conv3_1_theta_w", r"non-local blocks \(nonlocal_conv3_1_theta_w"),
    ("res9_0_branch2a_w", r"names that are unknown here \(res9_0_branch2a_w\)"),
])
def test_what_is_no_plain_slowfast_is_refused_by_name(name, expected):
    with pytest.raises(UserError, match=expected):
        read_slowfast({"conv1_w": torch.zeros(7, 3, 1, 7, 7), name: torch.zeros(3)}, "x")


def test_two_names_of_one_layer_are_refused():
    names = ("conv1_w", "t_res2_1_branch2c_bn_subsample_w", "t_res2_2_branch2c_bn_subsample_w")
    with pytest.raises(UserError, match=r"both mean laterals\.1\.conv\.weight"):
        read_slowfast(dict.fromkeys(names, torch.zeros(3)), "x")


@pytest.mark.parametrize("content", [{}, [1, 2], 3, {"model_state": {"a": 1}}])
def test_other_content_is_none(content):
    assert read_slowfast(content, "x") is None


def test_a_pickle_of_something_else_is_named(tmp_path):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"blobs": {"conv1_w": "text"}}))
    with pytest.raises(UserError, match=r"x\.pkl: conv1_w is a str"):
        read_slowfast(read_file(tmp_path / "x.pkl"), tmp_path / "x.pkl")

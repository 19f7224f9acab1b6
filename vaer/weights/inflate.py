"""2D residual networks of timm and torchvision, inflated over time into the slow pathway, and the fast one if as wide.

A 2D kernel becomes the middle of the kernel over time, zeros its neighbours: every frame is then answered as by the
2D network, at the ends of a clip too, and the neighbours learn. Spreading a kernel evenly over time (Carreira &
Zisserman 2017, arXiv 1705.07750) answers a static clip alike only away from its ends, which are padded with zeros.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vaer.config import TIMM as PREFIX
from vaer.config import VideoConfig
from vaer.errors import UserError, first_line
from vaer.models.video.slowfast import MEAN, STD, SlowFast
from vaer.presets import VIDEO_PRESETS
from vaer.weights.records import SHOWN, Weights
from vaer.words import counted

FIRST = "layer1.0.conv1.weight"  # the name by which such a file is known
FIELDS = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
BLOCK = re.compile(rf"layer([1-4])\.(\d+)\.(?:(conv|bn)([123])|downsample\.([01]))\.{FIELDS}")
STEM = re.compile(rf"(conv|bn)1\.{FIELDS}")
HEAD = re.compile(r"fc\.(weight|bias)")


class Scale(NamedTuple):
    """What a network subtracts and divides by, for red, green and blue on a scale of 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET = Scale((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def read_timm(name: str, config: VideoConfig) -> Weights:
    """The weights that timm publishes under `name` (such as resnet50.a1_in1k), inflated for a branch of `config`.

    This downloads them. Raises UserError for a name that timm does not know, and where they cannot be had.
    """
    network = fetch_timm(name)
    scale = Scale(tuple(network.pretrained_cfg["mean"]), tuple(network.pretrained_cfg["std"]))
    return inflate_resnet(network.state_dict(), f"{PREFIX}{name}", config, scale)


def fetch_timm(name: str) -> nn.Module:
    """The network `name` with the weights that timm publishes; raises UserError where they cannot be had."""
    import timm  # a second, which weights from files need not pay

    try:
        return timm.create_model(name, pretrained=True)
    except (RuntimeError, ValueError, OSError) as error:  # unknown names, tags without weights, no connection
        raise UserError(f"{PREFIX}{name}: timm does not give these weights ({first_line(error)}); check the "
                        f"name and the connection, or download https://huggingface.co/timm/{name} and name the "
                        f"file.") from error


def inflate_resnet(values: Mapping[str, Any], source: Path | str, config: VideoConfig,
                   scale: Scale = IMAGENET) -> Weights:
    """A 2D residual network as the weights of the pathways that are as wide; with `both`, of the slow one at least.

    `scale` is that of the frames it was trained on; a file does not tell, so a file's is taken for ImageNet's.
    Raises UserError for layers that a plain ResNet-50 or ResNet-101 does not have.
    """
    tensors: dict[str, Tensor] = {}
    left, unknown = {}, []
    for name, value in values.items():
        ours = our_name(name)
        if ours is not None and isinstance(value, Tensor):
            tensors[ours] = value
        elif HEAD.fullmatch(name):
            left[name] = f"classifier of {counted(len(value), 'class')}"
        else:
            unknown.append(name)
    if unknown:
        raise UserError(f"{source}: a residual network with names that are unknown here "
                        f"({', '.join(unknown[:SHOWN])}{', ...' if len(unknown) > SHOWN else ''}); choose a plain "
                        f"ResNet-50 or ResNet-101 of timm or torchvision.")
    with torch.device("meta"):
        branch = SlowFast(config=config).state_dict()
    settings = _settings(tensors)
    tensors = _rescale(tensors, scale)
    pathways = _targets(config)
    inflated = {f"{pathway}.{name}": _inflated(tensor, branch.get(f"{pathway}.{name}"))
                for pathway in pathways for name, tensor in tensors.items()}
    fresh = tuple(part for part in ("fast.", "laterals.") if config.pathways == "both" and part[:-1] not in pathways)
    return Weights(inflated, left, "a 2D residual network, inflated over time", settings, fresh)


def _targets(config: VideoConfig) -> list[str]:
    if config.pathways != "both":
        return [config.pathways]
    return ["slow", "fast"] if config.beta_inv == 1 else ["slow"]


def our_name(name: str) -> str | None:
    """The name inside a pathway; None where it has no such layer."""
    stem = STEM.fullmatch(name)
    if stem:
        return f"stem.{'conv' if stem[1] == 'conv' else 'norm'}.{stem[2]}"
    match = BLOCK.fullmatch(name)
    if match is None:
        return None
    stage, block, kind, number, shortcut, field = match.groups()
    place = f"stages.{int(stage) - 1}.{block}"
    if shortcut:
        return f"{place}.shortcut.{'conv' if shortcut == '0' else 'norm'}.{field}"
    return f"{place}.{'conv' if kind == 'conv' else 'norm'}_{'abc'[int(number) - 1]}.{field}"


def _inflated(tensor: Tensor, wanted: Tensor | None) -> Tensor:
    """A kernel (out, in, height, width) as one over time; what cannot be made to fit is left for the check of all."""
    if tensor.ndim != 4:
        return tensor
    if wanted is None or wanted.ndim != 5:
        return tensor.unsqueeze(2)
    time = wanted.shape[2]
    kernel = tensor.new_zeros(*tensor.shape[:2], time, *tensor.shape[2:])
    kernel[:, :, time // 2] = tensor
    # The columns of lateral connections stand last; zeros keep the answer, and learn.
    missing = wanted.shape[1] - tensor.shape[1]
    return torch.cat((kernel, kernel.new_zeros(len(kernel), missing, *kernel.shape[2:])), 1) if missing > 0 else kernel


def _rescale(tensors: dict[str, Tensor], scale: Scale) -> dict[str, Tensor]:
    """The same function of frames on our scale of colours.

    The factor goes into the first kernel and the shift into the running mean behind it: exact, but for the three
    outermost pixels, where our padding is a grey of 0.45 and not the mean of the 2D network.
    """
    kernel, mean = tensors.get("stem.conv.weight"), tensors.get("stem.norm.running_mean")
    if kernel is None or mean is None or kernel.ndim != 4 or kernel.shape[1] != len(scale.mean):
        return tensors  # it cannot fit, which the check of all tensors tells
    their_mean, their_std = torch.tensor(scale, dtype=torch.float64)
    factor, shift = STD / their_std, (MEAN - their_mean) / their_std
    moved = (kernel.double().sum((2, 3)) * shift).sum(1)  # (width,): what the shift of the input adds to the output
    return tensors | {"stem.conv.weight": (kernel * factor[:, None, None]).to(kernel.dtype),
                      "stem.norm.running_mean": (mean - moved).to(mean.dtype)}


def _settings(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Flags of a branch with as many blocks of the same width; empty where no preset has."""
    counts = [len({name.split(".")[2] for name in tensors if name.startswith(f"stages.{stage}.")})
              for stage in range(4)]
    preset = next((name for name in ("r50_8x8", "r101_50_50") if VIDEO_PRESETS[name]["blocks"] == counts), None)
    kernel = tensors.get("stages.0.0.conv_b.weight")
    fits = preset is not None and kernel is not None and tuple(kernel.shape[:2]) == (64, 64)
    return {"model.video.preset": preset, "model.video.pathways": "slow"} if fits else {}

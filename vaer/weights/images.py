"""Weights of an image network of timm, for the branch that runs it on each frame: by timm's name or from a file."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vaer.config import TIMM, VideoConfig
from vaer.errors import UserError
from vaer.models.video.timm_branch import build_network
from vaer.weights.inflate import fetch_timm
from vaer.weights.records import Weights
from vaer.weights.unwrap import network_in, outermost
from vaer.words import counted

OURS = "network."
FRESH = ("enter.", "time.", "norm.")  # attention over time: in no file of an image network


def read_image_name(name: str, config: VideoConfig) -> Weights:
    """The weights that timm publishes under `name`, such as resnet50.a1_in1k; this downloads them.

    Raises UserError where the branch of `config` has another network, whose colours may be scaled otherwise.
    """
    if name != config.network:
        raise UserError(f"--model.video.network {config.network} and --model.video.pretrained {TIMM}{name} name two "
                        f"networks; leave --model.video.network out.")
    return read_image_file(fetch_timm(name).state_dict(), f"{TIMM}{name}", config)


def read_image_file(content: Any, source: Path | str, config: VideoConfig) -> Weights:
    """The network of `config` from a checkpoint in timm's names; its classifier is left.

    Raises UserError where the checkpoint holds no network with the first layer of that one.
    """
    with torch.device("meta"):
        network = build_network(config.network)
    ours = network.state_dict()
    found = network_in(content, [next(iter(ours))])
    if found is None:
        names = ", ".join(list(outermost(content))[:3]) or "no names at all"
        raise UserError(f"{source}: holds {names}, and no {next(iter(ours))} as timm's {config.network} does; give the "
                        f"--model.video.network that it is, or see docs/weights.md.")
    heads = _classifiers(network)
    left = {name: f"classifier of {counted(len(value), 'class')}" for name, value in found.values.items()
            if name.startswith(heads) and isinstance(value, Tensor)}
    tensors = {f"{OURS}{name}": value for name, value in found.values.items()
               if name not in left and isinstance(value, Tensor)}
    shapes = {name.removeprefix(OURS): tensor.shape for name, tensor in tensors.items()}
    fits = shapes == {name: tensor.shape for name, tensor in ours.items()}
    settings = {"model.video.kind": "timm", "model.video.network": config.network} if fits else {}
    return Weights(tensors, left | found.left, f"an image network in timm's names, read as {config.network}", settings,
                   FRESH)


def require_learning(config: VideoConfig, source: str) -> None:
    """Refuse to freeze attention over time that starts at random."""
    if config.kind == "timm" and config.freeze and config.layers:
        raise UserError(f"{source}: --model.video.freeze true would keep the layers over time as they start, at "
                        f"random; give --model.video.freeze_network true instead, or --model.video.layers 0.")


def _classifiers(network: nn.Module) -> tuple[str, ...]:
    """How the names of the network's classifiers begin."""
    names = network.pretrained_cfg.get("classifier") or ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))

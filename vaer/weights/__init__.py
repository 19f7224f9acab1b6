"""Starting weights by name or path: whoever wrote them, read without the library that wrote them."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaer.config import AudioConfig, Config, ModelConfig, VideoConfig, resolve
from vaer.errors import UserError
from vaer.models.audio.encoders import BUNDLES
from vaer.runs.folder import best_of
from vaer.weights.bundles import describe_bundle
from vaer.weights.checkpoints import SAVE, is_unread_network, unread
from vaer.weights.contamination import contamination
from vaer.weights.efficientnet_lite import read_lite
from vaer.weights.folders import INDEX, SETTINGS, is_hub_name
from vaer.weights.huggingface import SPEECH
from vaer.weights.images import read_image_file, read_image_name, require_learning
from vaer.weights.inflate import FIRST, PREFIX, inflate_resnet, read_timm
from vaer.weights.own import branches_of, read_own, require_same_colours
from vaer.weights.pickles import read_file
from vaer.weights.records import Weights, flags, summary
from vaer.weights.slowfast import keep_pathways, read_slowfast
from vaer.weights.speech import describe_speech, read_speech
from vaer.weights.tensors import read_parts
from vaer.weights.unwrap import network_in, outermost
from vaer.weights.zoo import DOWNLOADS
from vaer.words import counted


def read_video(source: str, config: VideoConfig) -> Weights:
    """Weights for a video branch of `config`, which is resolved.

    `source` is the folder of a run, a file (SlowFast of PySlowFast or PyTorchVideo, a 2D ResNet, the network of kind
    timm) or `timm:NAME`. Raises UserError where it is none of these or not there.
    """
    best = best_of(source)
    if best is None:
        require_learning(config, source)
    if source.startswith(PREFIX):
        name = source.removeprefix(PREFIX)
        return read_image_name(name, config) if config.kind == "timm" else read_timm(name, config)
    if best is None:
        return _read_video_file(Path(source), config)
    require_same_colours(best, config, source)
    return read_own(best, "video")


def read_audio(source: str, config: AudioConfig) -> Weights:
    """Weights for an audio branch of `config`, which is resolved: of a run, or of a published speech encoder.

    Our mix of layers is in no published file, and starts even.
    """
    best = best_of(source)
    return read_own(best, "audio") if best else read_speech(source, config)._replace(fresh=("mix.",))


def describe(source: str) -> list[str]:
    """What a file, a folder or a name is, in lines: its kind, the flags that fit it, what would be left."""
    warning = contamination(source)
    lines = [f"warning: {warning}"] if warning else []
    if source in BUNDLES:
        return lines + describe_bundle(source)
    if source.startswith(PREFIX):
        return [*lines, f"{source}: 2D weights that timm publishes, downloaded when a run names them",
                f"  fits: --model.video.kind timm --model.video.pretrained {source}",
                "  fits: a ResNet-50 the presets r50_4x16 and r50_8x8, a ResNet-101 those that begin with r101"]
    best = best_of(source)
    if best is not None:
        for branch in branches_of(best):
            lines += _lines(read_own(best, branch), branch, source)
        return lines
    speech = describe_speech(source)
    if speech is not None:
        return lines + _lines(speech, "audio", source)
    if is_hub_name(source):
        return [*lines, f"{source}: a name on the Hugging Face hub, downloaded when a run names it by "
                        f"--model.audio.pretrained; a wrong preset is answered with the right one"]
    slow = resolve(Config(model=ModelConfig(video=VideoConfig(pathways="slow"))))  # what every video file could fill
    return lines + _lines(_read_video_file(Path(source), slow.model.video), "video", source)


def _lines(weights: Weights, branch: str, source: str) -> list[str]:
    size = sum(tensor.numel() for tensor in weights.tensors.values())
    fits = f"--model.{branch}.pretrained {source} {flags(weights.settings)}" if weights.settings else "no settings"
    return [f"{source}: {weights.about}, {counted(len(weights.tensors), 'tensor')}, {size:,} numbers",
            f"  fits: {fits}",
            *(f"  left: {line}" for line in summary(weights.left))]


def _read_video_file(path: Path, config: VideoConfig) -> Weights:
    if not path.is_file():
        raise UserError(_missing(path))
    content = read_parts(path) if path.name.endswith(INDEX) else read_file(path)
    slowfast = read_slowfast(content, path)
    if slowfast is not None:
        return keep_pathways(slowfast, config)
    lite = read_lite(content)
    if lite is not None:
        return lite
    if config.kind == "timm":
        return read_image_file(content, path, config)
    resnet = network_in(content, [FIRST])
    if resnet is not None:
        inflated = inflate_resnet(resnet.values, path, config)
        return inflated._replace(left=inflated.left | resnet.left)
    raise UserError(f"{path}: {_something_else(content)}")


def _something_else(content: Any) -> str:
    """What a file holds that no video branch is read from, and what to do."""
    inside = content.values() if isinstance(content, Mapping) else ()
    network = next((unread(value) for value in (content, *inside) if is_unread_network(value)), None)
    if network is not None:
        return f"holds a whole network, an object of {network} whose code would have to run; {SAVE}."
    values = outermost(content)
    if network_in(content, [SPEECH]) is not None:
        return (f"holds a speech encoder; put it into a folder beside its {SETTINGS}, under the name pytorch_model.bin "
                f"or model.safetensors, and give the folder to --model.audio.pretrained.")
    names = ", ".join(list(values)[:3]) or "no names at all"
    return (f"holds {names}, which is neither a SlowFast network nor a 2D ResNet; an image network in timm's names is "
            f"read with --model.video.kind timm --model.video.network NAME, and docs/weights.md lists the others.")


def _missing(path: Path) -> str:
    if path.is_dir():
        return f"{path}: is a folder, but not that of a run that trained (best/config.json); name a file or a run."
    known = DOWNLOADS.get(path.name)
    if known:
        return (f"{path}: there is no such file; download it from {known.address} ({known.size}), which fits "
                f"--model.video.preset {known.preset}.")
    near = difflib.get_close_matches(path.name.upper(), BUNDLES, n=1, cutoff=0.7)
    if near:
        return f"{path}: there is no such file; did you mean torchaudio's {near[0]}?"
    near = difflib.get_close_matches(path.name, DOWNLOADS, n=1, cutoff=0.7)
    hint = f"did you mean {near[0]} ({DOWNLOADS[near[0]].address}, {DOWNLOADS[near[0]].size})?" if near else (
        f"name a file, the folder of a run, or {PREFIX}NAME for weights that timm publishes.")
    return f"{path}: there is no such file; {hint}"

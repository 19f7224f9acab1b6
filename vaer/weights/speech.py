"""Weights for the speech branch that others publish: torchaudio's bundles and Hugging Face checkpoints."""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaer.config import ALL_LAYERS, AudioConfig
from vaer.errors import UserError
from vaer.models.audio import AUDIO_BRANCHES
from vaer.models.audio.encoders import BUNDLES
from vaer.models.audio.hf_encoder import ENCODERS, build_encoder, require_waveform_encoder
from vaer.placeholders import describe_placeholder
from vaer.weights.bundles import read_bundle
from vaer.weights.fit import fitting_presets, nearest, require_fit
from vaer.weights.folders import (
    SETTINGS,
    does_normalize,
    is_checkpoint_folder,
    read_json,
    settings_folder,
    whole_folder,
)
from vaer.weights.huggingface import FAMILIES, facts_of_settings, to_torchaudio
from vaer.weights.records import Weights
from vaer.weights.tensors import STEMS, read_tensors


def read_speech(source: str, config: AudioConfig) -> Weights:
    """The weights that `source` names, for the branch of `config` (resolved).

    `source` is a torchaudio bundle, or a folder or hub name of a Hugging Face checkpoint; only what is named so is
    fetched. Raises UserError, which names the settings that fit, where the branch is built otherwise.
    """
    if source in BUNDLES:
        if config.kind != "wav2vec":
            raise UserError(f"{source}: is a torchaudio bundle, which --model.audio.kind {config.kind} cannot run; set "
                            f"--model.audio.kind wav2vec.")
        return _with_normalize(read_bundle(source, config), config)
    folder = settings_folder(source)
    if folder is None:
        raise UserError(_unknown(source))
    settings = read_json(folder / SETTINGS)
    if config.kind == "transformers":
        require_waveform_encoder(config.architecture)
        tensors, left = to_transformers(read_tensors(whole_folder(source)), config)
        fitting = _settings(folder, config.kind)
    else:
        _require_family(settings["model_type"], source)
        require_fit(facts_of_settings(settings), config, settings["model_type"], source)
        tensors, left = to_torchaudio(read_tensors(whole_folder(source)), settings["model_type"])
        fitting = {"model.audio.preset": config.preset} | _settings(folder, config.kind)
    return _with_normalize(Weights(tensors, left, _about(settings, folder), fitting), config)


def describe_speech(path: str | Path) -> Weights | None:
    """What the Hugging Face folder `path` holds and which settings fit it; None where it is no such folder.

    The tensors are named for the preset that fits, or as the file names them where only kind transformers does. There
    are neither tensors nor settings where the family is not one that hears a waveform.
    """
    folder = Path(path)
    if not is_checkpoint_folder(folder):
        return None
    settings = read_json(folder / SETTINGS)
    family, about = settings["model_type"], _about(settings, folder)
    if family not in {*FAMILIES, *ENCODERS}:
        return Weights({}, {}, f"{about}, no encoder that hears the waveform itself", {})
    tensors = read_tensors(folder)
    presets = fitting_presets(facts_of_settings(settings), family) if family in FAMILIES else []
    if presets:
        named, left = to_torchaudio(tensors, family)
        return Weights(named, left, about, {"model.audio.preset": presets[0]} | _settings(folder, "wav2vec"))
    if family in FAMILIES:
        about += f", of no preset's size ({nearest(facts_of_settings(settings))})"
    return Weights(tensors, {}, about, _settings(folder, "transformers"))


def to_transformers(tensors: dict[str, Tensor], config: AudioConfig) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of `config`'s encoder by the names of our branch, and the others with the reason they are left.

    A file says `NAME`, `FAMILY.NAME`, or, with a decoder beside it, `encoder.NAME`, for what the encoder calls `NAME`,
    and may put more before it.
    """
    with torch.device("meta"):
        encoder = build_encoder(replace(config, **ALL_LAYERS))
    wanted = encoder.state_dict()
    family = f"{encoder.base_model_prefix}."
    first = next(iter(wanted))
    around = [name.removesuffix(first) for name in tensors if name.endswith(f".{first}")]  # by whoever trained it
    prefix = max(("", family, "encoder.", f"{family}encoder.", *around),
                 key=lambda prefix: sum(prefix + name in tensors for name in wanted))
    unused = (*ENCODERS[encoder.config.model_type].unused, "masked_spec_embed", "adapter")
    found, left = {}, {}
    for name, tensor in tensors.items():
        inner = name.removeprefix(prefix)
        if not name.startswith(prefix):
            left[name] = "beside the encoder: a decoder, or the head of a task"
        elif inner not in wanted and inner.startswith(unused):
            left[name] = "the tokens do not depend on it"
        else:
            found[f"encoder.{inner}"] = tensor
    return found, left


def _require_family(family: str, source: str) -> None:
    """Refuse a family that torchaudio's modules do not build."""
    if family not in FAMILIES:
        remedy = ("run it by --model.audio.kind transformers" if family in ENCODERS else
                  f"choose one of {', '.join(sorted({*FAMILIES, *ENCODERS}))}")
        raise UserError(f"{source}: is a checkpoint of {family}, not of {', '.join(FAMILIES)}; {remedy}.")


def _about(settings: dict[str, Any], folder: Path) -> str:
    """One phrase: the family, the class that saved it, and how waveforms were prepared for it."""
    classes = settings.get("architectures") or ["class unknown"]
    inputs = {None: "", True: ", for waveforms of mean 0 and variance 1", False: ", for waveforms as they are"}
    return f"Hugging Face checkpoint of {settings['model_type']} ({classes[0]}){inputs[does_normalize(folder)]}"


def _settings(folder: Path, kind: str) -> dict[str, Any]:
    normalize = does_normalize(folder)
    return {"model.audio.kind": kind} | ({} if normalize is None else {"model.audio.normalize": normalize})


def _with_normalize(weights: Weights, config: AudioConfig) -> Weights:
    """The same without layers that are left out; `about` says where this run prepares waveforms otherwise."""
    weights = _without_unused(weights, config)
    wanted = weights.settings.get("model.audio.normalize", config.normalize)
    if wanted == config.normalize:
        return weights
    return weights._replace(about=f"{weights.about}; this run differs: --model.audio.normalize {config.normalize}")


def _without_unused(weights: Weights, config: AudioConfig) -> Weights:
    """The same without the layers that `config` leaves out."""
    if config.layers_kept is None:
        return weights
    kind = AUDIO_BRANCHES[config.kind]
    with torch.device("meta"):
        whole, cut = (set(kind(config=replace(config, **ALL_LAYERS | {"layers_used": used})).state_dict())
                      for used in (None, config.layers_kept))
    reason = f"beyond {config.layers_flag}"
    beyond = {name: reason for name in weights.tensors if name in whole - cut}
    kept = {name: tensor for name, tensor in weights.tensors.items() if name not in beyond}
    return weights._replace(tensors=kept, left=weights.left | beyond)


def _unknown(source: str) -> str:
    """The sentence for a source that is nothing of the kind."""
    path = Path(source)
    if path.is_file():
        placeholder = describe_placeholder(path)
        return f"{source}: {placeholder}." if placeholder else (
            f"{source}: is a file, which does not say how its network is built; put it into a folder beside its "
            f"{SETTINGS}, under the name {' or '.join(STEMS)}, and name the folder.")
    near = difflib.get_close_matches(source.upper(), BUNDLES, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]}?" if near else f"or of a torchaudio bundle: {', '.join(sorted(BUNDLES))}."
    state = f"has no {SETTINGS} that names a network" if Path(source).exists() else "does not exist"
    return (f"{source}: {state}; --model.audio.pretrained wants the folder of a run or of a Hugging Face checkpoint, "
            f"a name on its hub (OWNER/NAME), {'or a torchaudio bundle; ' if near else ''}{remedy}")

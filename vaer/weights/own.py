"""A branch of an earlier run, from its `best/`."""

from pathlib import Path
from typing import Any, Literal

import yaml

from vaer.config import AudioConfig, DataConfig, VideoConfig
from vaer.data.corpora import name_of
from vaer.data.protocols import published
from vaer.errors import UserError
from vaer.presets import AUDIO_PRESETS, TIMM_USUAL, VIDEO_PRESETS
from vaer.runs.folder import BestFolder, best_of, run_of
from vaer.weights.pickles import read_file
from vaer.weights.records import Weights

Branch = Literal["video", "audio"]
PRESETS = {"video": VIDEO_PRESETS, "audio": AUDIO_PRESETS}
DEFAULTS = {"video": VideoConfig(), "audio": AudioConfig()}
ELSEWHERE = "another part of the network"


def branches_of(best: BestFolder) -> list[Branch]:
    """Which branches a run has."""
    model = best.settings["model"]
    return [branch for branch in ("video", "audio") if model[branch]["enabled"]]


def read_own(best: BestFolder, branch: Branch) -> Weights:
    """A branch of a run; raises UserError where it has none or is not whole."""
    settings = best.settings
    if branch not in branches_of(best):
        raise UserError(f"{best}: was trained without the {branch} branch; name a run that has one.")
    values = read_whole(best)
    prefix = f"{branch}."
    tensors = {name.removeprefix(prefix): tensor for name, tensor in values.items() if name.startswith(prefix)}
    left = {name: ELSEWHERE for name in values if not name.startswith(prefix)}
    return Weights(tensors, left, f"the {branch} branch of a run", fitting_settings(settings["model"][branch], branch))


def read_whole(best: BestFolder) -> dict[str, Any]:
    """Every tensor of a run's best network."""
    path = best.weights_path
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; name the folder of a run that trained.")
    return read_file(path)


def require_same_colours(best: BestFolder, config: VideoConfig, source: str) -> None:
    """Refuse a run whose video branch learned from other colours than `config` says: shapes do not tell it."""
    theirs = best.settings["model"]["video"]
    learned = theirs.get("standardize", False)
    if theirs["enabled"] and config.standardize != learned:
        raise UserError(f"{source}: its video branch learned with --model.video.standardize {str(learned).lower()}; "
                        f"give the same.")
    network = theirs.get("network")
    if theirs["enabled"] and theirs["kind"] == config.kind and network != config.network:  # its tag says the colours
        raise UserError(f"{source}: its video branch has --model.video.network {network}; give the same.")


def trained_with(source: str) -> dict[str, Any]:
    """The settings that a run was trained with, as its `config.yaml` has them; empty where `source` is no such run."""
    best = best_of(source)
    path = run_of(best).config_path if best else Path()
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {}


def overlap(source: str, data: DataConfig) -> str | None:
    """A warning where `source` is a run that learned from a corpus of the same name under another split; or None.

    None too where both splits are published ones that keep their speakers apart.
    """
    theirs = trained_with(source).get("data")
    if theirs is None:
        return None
    names = ("protocol", "fold", "validation")
    corpus, other = name_of(data.corpus, data.root), name_of(str(theirs.get("corpus")), str(theirs.get("root")))
    if corpus != other or all(theirs.get(name) == getattr(data, name) for name in names):
        return None
    if _are_apart(theirs, data):
        return None
    trained = ", validation clips too" if theirs.get("validation") == "train" else ""
    return (f"{source} learned from {corpus} under {theirs.get('protocol')} fold {theirs.get('fold')}{trained}: "
            f"it may have seen speakers who select or are tested under {data.protocol} fold {data.fold}")


def _are_apart(theirs: dict[str, Any], data: DataConfig) -> bool:
    """Whether published splits say that a run learned from nobody who selects or is tested, nor selected by testees."""
    try:
        there, here = (published()[protocol]["folds"][fold] for protocol, fold in (
            (theirs.get("protocol"), theirs.get("fold")), (data.protocol, data.fold)))
    except (KeyError, IndexError, TypeError):  # a file of one's own, all folds, or clips instead of speakers
        return False
    learned = {*there["train"], *(there["val"] if theirs.get("validation") == "train" else [])}
    return learned.isdisjoint(here["val"] + here["test"]) and set(there["val"]).isdisjoint(here["test"])


def fitting_settings(section: dict[str, Any], branch: Branch) -> dict[str, Any]:
    """The flags that rebuild a branch, from its section of a run's settings: those that differ from its preset."""
    if section["kind"] == "transformers":
        return {"model.audio.kind": "transformers"}  # the run itself says the rest when it is named
    if section["kind"] == "timm":
        usual = TIMM_USUAL | {"standardize": False}
        names = ["kind", "network", *(name for name, value in usual.items() if section[name] != value)]
        return {f"model.video.{name}": section[name] for name in names}
    usual = {"kind": DEFAULTS[branch].kind, "pathways": "both", "standardize": False}
    usual |= PRESETS[branch].get(section["preset"], {})
    names = ["preset", *(name for name in usual if section.get(name, usual[name]) != usual[name])]
    return {f"model.{branch}.{name}": section[name] for name in names}

"""What a report is made from: the files that an evaluation and a training left in a run's folder."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from vaer.atomic_files import read_facts
from vaer.config import Config, differing, dotted
from vaer.errors import log
from vaer.evaluation.saved import read_scored
from vaer.evaluation.scored import Scored
from vaer.presets import AUDIO_PRESETS, VIDEO_PRESETS
from vaer.runs.folder import RunFolder
from vaer.runs.log import rows_of

MODALITIES = ("video", "audio")
PLACES = ("output", "data.root", "train.resume")


@dataclasses.dataclass(frozen=True)
class Source:
    """One scored run, or the folds of one scored together."""

    name: str
    """Without the folders above it: no path of a machine goes into a page."""
    scored: Scored
    """metrics.json and predictions.csv."""
    modalities: dict[str, dict[str, Any]]
    """metrics_video.json and metrics_audio.json, where they were made."""
    sha256: str
    """Of predictions.csv."""
    robustness: dict[str, Any] | None
    """robustness.json, where it was made of these answers."""
    inside: dict[str, Any]
    """inside.json; empty where it was not made."""
    runs: list[dict[str, Any]]
    """run.json of the run, or of each fold."""
    logs: list[list[dict[str, Any]]]
    """The rows of log.jsonl of the run, or of each fold."""
    settings: dict[str, Any]
    """Settings that differ from their defaults, by dotted name."""


def read_source(folder: RunFolder, suffix: str = "") -> Source:
    """The files of a scored run, `suffix` in their names; raises UserError where one is missing or broken."""
    scored = read_scored(folder.path, suffix)
    parts = folder.folds()
    place = RunFolder(folder.pooled) if folder.has_folds() else folder
    return Source(
        name=folder.path.resolve().name, scored=scored,
        modalities={name: read_facts(path) for name in MODALITIES
                    if (path := place.metrics_path(f"_{name}{suffix}")).is_file()},
        sha256=hashlib.sha256(place.predictions_path(suffix).read_bytes()).hexdigest(),
        robustness=_robustness(place, scored, suffix), inside=read_facts(place.inside_path(suffix)),
        runs=[part.facts() for part in parts],
        logs=[rows_of(part.log_path, "epoch") for part in parts],
        settings=_unusual(parts[0].settings()))


def _robustness(place: RunFolder, scored: Scored, suffix: str) -> dict[str, Any] | None:
    path = place.robustness_path(suffix).with_suffix(".json")
    found = read_facts(path)
    if not found.get("curves"):
        return None
    if (found["clips"], found["clean"]["uar"]) != (scored.facts["clips"], scored.facts["uar"]):
        log.warning(f"{path}: is of other answers than the predictions beside it, and left out of the page; measure it "
                    f"anew with --robustness.")
        return None
    table = place.robustness_path(suffix)
    return found | {"sha256": hashlib.sha256(table.read_bytes()).hexdigest() if table.is_file() else "not there"}


def _unusual(config: Config) -> dict[str, Any]:
    """Settings that a person chose: neither at their default, nor what a preset says, nor where files lie."""
    presets = {"model.video": VIDEO_PRESETS.get(config.model.video.preset, {}),
               "model.audio": AUDIO_PRESETS.get(config.model.audio.preset, {})}
    chosen, found = dotted(config), {}
    for name in differing(Config(), config):
        section, _, field = name.rpartition(".")
        value = chosen[name]
        if name in PLACES or value is None or presets.get(section, {}).get(field) == value:
            continue
        found[name] = Path(value).name if isinstance(value, str) and "/" in value else value
    return found

"""What an evaluation found, as facts that can all be computed again from its table of predictions."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vaer.errors import RunError, UserError
from vaer.evaluation.calibration import calibration_error, reliability, scale
from vaer.evaluation.intervals import FEWEST_SPEAKERS, LEVEL, speaker_intervals
from vaer.evaluation.metrics import score, score_classes, score_speakers
from vaer.records import UNKNOWN_SPEAKER
from vaer.words import counted

OF_A_FOLD = {"fold", "seed", "split", "leaks", "warnings", "clips_cut"}
CROSS_CORPUS, ENSEMBLE = "cross_corpus", "ensemble"
"""The protocol under which another corpus is scored, and the fold of answers that are a mean over folds."""


@dataclasses.dataclass(frozen=True)
class PredictionTable:
    """Clips with their labels, speakers and probabilities, and the setting in which they were answered."""

    table: pd.DataFrame
    """id, take, path, fold, speaker, label, prediction, and a probability for each class."""
    classes: tuple[str, ...]
    setting: dict[str, Any]
    """protocol, labels, channel, modality, ...: what scores must share to be comparable."""
    temperatures: dict[str, float | None]
    """One for each fold, fitted on its validation clips; None where it has none."""

    @property
    def probabilities(self) -> np.ndarray:
        """(clips, classes)."""
        return self.table[list(self.classes)].to_numpy(dtype=np.float64)

    @property
    def labels(self) -> np.ndarray:
        """(clips,) places in `classes`."""
        return self._places("label")

    @property
    def predictions(self) -> np.ndarray:
        """(clips,) places in `classes`."""
        return self._places("prediction")

    @property
    def speakers(self) -> np.ndarray:
        """(clips,) names."""
        return self.table["speaker"].to_numpy(dtype=str)

    def _places(self, column: str) -> np.ndarray:
        return np.array([self.classes.index(name) for name in self.table[column]])


class Scored(NamedTuple):
    """A run, or several pooled, with its answers and what they are worth."""

    folder: Path
    predicted: PredictionTable
    facts: dict[str, Any]


def facts_of(predicted: PredictionTable) -> dict[str, Any]:
    """Every score of some answers, in plain types."""
    probabilities, labels, speakers = predicted.probabilities, predicted.labels, predicted.speakers
    odd = ~np.isfinite(probabilities).all(axis=1)
    if odd.any():
        first = predicted.table["id"][odd].iloc[0]
        raise RunError(f"NaN or infinite probabilities in {counted(int(odd.sum()), 'clip')}, first {first}: "
                       f"they cannot be scored; train or predict anew.")
    known = UNKNOWN_SPEAKER not in speakers  # else nobody can say whose clips are right and wrong together
    intervals = speaker_intervals(predicted.predictions, labels, speakers, len(predicted.classes)) if known else None
    per_speaker = score_speakers(probabilities, labels, speakers) if known else {}
    return score(probabilities, labels)._asdict() | predicted.setting | {
        "adaptation": _adaptation(predicted.setting, [row["clips"] for row in per_speaker.values()]),
        "classes": list(predicted.classes),
        "speakers": len(per_speaker),
        "level": LEVEL,
        "intervals": None if intervals is None else {name: list(span) for name, span in intervals.items()},
        "intervals_need_speakers": FEWEST_SPEAKERS,
        "per_class": score_classes(probabilities, labels, predicted.classes),
        "per_speaker": per_speaker,
        "nll": float(-np.log(probabilities[np.arange(len(labels)), labels].clip(min=1e-12)).mean()),
        "calibration": _calibration(predicted, probabilities, labels)}


def _adaptation(setting: dict[str, Any], clips: list[int]) -> str | None:
    """What a reader must know of a score that used test clips without their labels; `clips` of each test speaker."""
    if not setting["speaker_norm"] or setting["adapt_clips"] == 0:
        return None
    used = clips if setting["adapt_clips"] is None else [min(setting["adapt_clips"], count) for count in clips]
    span = str(min(used)) if min(used) == max(used) else f"{min(used)} to {max(used)}"
    return f"adapted to each test speaker over its {span} unlabelled clips"


def calibrated(predicted: PredictionTable) -> np.ndarray:
    """(clips, classes): each fold's probabilities at its temperature, as they are where it has none."""
    scaled = predicted.probabilities.copy()
    for fold, temperature in predicted.temperatures.items():
        rows = (predicted.table["fold"].astype(str) == fold).to_numpy()
        if temperature is not None:
            scaled[rows] = scale(scaled[rows], temperature)
    return scaled


def _calibration(predicted: PredictionTable, probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The calibration error as answered, and after each fold's temperature where all folds have one."""
    found: dict[str, Any] = {"error": calibration_error(probabilities, labels), "error_scaled": None,
                             "temperatures": predicted.temperatures, "bins": reliability(probabilities, labels),
                             "bins_scaled": None}
    if all(value is not None for value in predicted.temperatures.values()):
        scaled = calibrated(predicted)
        found["bins_scaled"] = reliability(scaled, labels)
        found["error_scaled"] = calibration_error(scaled, labels)
    return found


def pool(folder: Path, parts: list[Scored]) -> Scored:
    """The clips of several folds of one protocol as one list, into `folder`.

    Beside the scores over all clips stand the mean of the folds and each fold's own. Raises UserError where the runs
    are of different settings, or share a fold or a clip.
    """
    _require_alike(parts)
    table = pd.concat([part.predicted.table for part in parts], ignore_index=True)
    twice = table["id"][table["id"].duplicated()]
    if len(twice):
        raise UserError(f"{', '.join(str(part.folder) for part in parts)} cannot be pooled: "
                        f"{counted(len(twice), 'clip')} "
                        f"scored in more than one of them ({', '.join(twice[:3])}); name each fold once.")
    split = (f"{counted(len(parts), 'fold')} of {parts[0].facts['protocol']} pooled: each clip scored once, by its "
             f"fold's network"
             + "".join(f"; fold {part.facts['fold']}: GUARD LIFTED" for part in parts if part.facts["leaks"]))
    temperatures = {fold: value for part in parts for fold, value in part.predicted.temperatures.items()}
    return _joined(folder, parts, table, split, temperatures, sum(part.facts.get("clips_cut", 0) for part in parts))


def average(folder: Path, parts: list[Scored]) -> Scored:
    """The mean of what the networks of several folds answer to the same clips of another corpus, into `folder`.

    Beside the scores of that ensemble stand the mean of the folds and each fold's own. Raises UserError where the
    runs are of different settings, or of one fold.
    """
    _require_alike(parts)
    first = parts[0].predicted
    folds = [part.facts["fold"] for part in parts]
    if len(set(folds)) < len(folds):
        raise UserError(f"{', '.join(str(part.folder) for part in parts)} cannot be averaged: a fold stands there "
                        f"twice ({', '.join(map(str, folds))}); name each once.")
    assert all(part.predicted.table["id"].equals(first.table["id"]) for part in parts), "not the same clips"
    probabilities = np.mean([part.predicted.probabilities for part in parts], axis=0)
    table = first.table.assign(
        fold=ENSEMBLE, prediction=np.array(first.classes)[probabilities.argmax(axis=1)],
        **dict(zip(first.classes, probabilities.T, strict=True)))
    split = f"the probabilities of {counted(len(parts), 'network')} averaged: {parts[0].facts['split']}"
    return _joined(folder, parts, table, split, {ENSEMBLE: None}, parts[0].facts.get("clips_cut", 0))


def _require_alike(parts: list[Scored]) -> None:
    """Refuse to join scores of different settings."""
    first = parts[0]
    for part in parts[1:]:
        odd = sorted(name for name in {"classes", *first.predicted.setting} - OF_A_FOLD
                     if part.facts[name] != first.facts[name])
        if odd:
            raise UserError(f"{first.folder} and {part.folder} cannot be pooled: they differ in "
                            f"{', '.join(f'{name} ({first.facts[name]}, {part.facts[name]})' for name in odd)}; "
                            f"pool folds of one protocol and setting.")


def _joined(folder: Path, parts: list[Scored], table: pd.DataFrame, split: str,
            temperatures: dict[str, float | None], clips_cut: int) -> Scored:
    first = parts[0].predicted
    setting = first.setting | {
        "fold": [part.facts["fold"] for part in parts], "seed": sorted({part.facts["seed"] for part in parts}),
        "split": split, "clips_cut": clips_cut, "leaks": [leak for part in parts for leak in part.facts["leaks"]],
        "warnings": list(dict.fromkeys(warning for part in parts for warning in part.facts["warnings"]))}
    predicted = PredictionTable(table, first.classes, setting, temperatures)
    names = ("uar", "war", "macro_f1")
    facts = facts_of(predicted) | {
        "mean_of_folds": {name: float(np.mean([part.facts[name] for part in parts])) for name in names},
        "folds": {str(part.facts["fold"]): {name: part.facts[name] for name in (*names, "clips")} for part in parts}}
    return Scored(folder, predicted, facts)

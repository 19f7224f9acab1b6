"""Rows of a study side by side: means over seeds, intervals over speakers and seeds, differences to the first row.

Everything is computed from answers that were read or made already; nothing here opens a file.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vaer.errors import UserError
from vaer.evaluation.aligned import align, describe_difference
from vaer.evaluation.caveats import caveats_against, caveats_of
from vaer.evaluation.holm import holm
from vaer.evaluation.intervals import FEWEST_SPEAKERS, SCORES, speaker_confusions
from vaer.evaluation.scored import PredictionTable, Scored
from vaer.evaluation.seeds import Estimate, Resampled, estimate, estimate_difference, resample_seeds
from vaer.records import UNKNOWN_SPEAKER
from vaer.words import counted


class Row(NamedTuple):
    """One line of a comparison: the evaluations of one recipe, of any folds and seeds."""

    name: str
    parts: list[Scored]
    failed: str = ""
    """In words, why there are no answers; such a row stays in the table."""


class RowScores(NamedTuple):
    """What a row is worth."""

    name: str
    scores: dict[str, Estimate]
    """UAR, WAR and macro F1; empty for a row that failed."""
    by_seed: dict[str, list[float]]
    """The same of each seed."""
    seeds: list[str]
    folds: list[str]
    clips: int
    speakers: int
    """0 where they are unknown."""
    chance: float | None
    """The UAR of an answer that does not look."""
    difference: Estimate | None
    """In UAR, to the first row; None for itself and where the two cannot be compared."""
    p_corrected: float | None
    """Holm's, over all differences of the table that have a p."""
    caveats: list[str]
    """What a reader must know, in words."""


class Joined(NamedTuple):
    """The answers of a row, its folds together, clip by clip the same for every seed."""

    predicted: list[PredictionTable]
    """One for each seed."""
    seeds: list[str]
    facts: list[dict[str, Any]]
    """Of every part."""

    @property
    def table(self) -> pd.DataFrame:
        """Clips with their labels, speakers and attributes; the answers in it are those of the first seed."""
        return self.predicted[0].table

    @property
    def probabilities(self) -> np.ndarray:
        """(clips, classes), the mean over the seeds."""
        return np.mean([one.probabilities for one in self.predicted], axis=0)

    def confusions(self) -> np.ndarray:
        """(seeds, speakers, classes, classes) counts."""
        return np.stack([speaker_confusions(one.predictions, one.labels, one.speakers, len(one.classes))
                         for one in self.predicted])

    def only(self, rows: np.ndarray) -> "Joined":
        """The same of some clips (clips,) bool."""
        return self._replace(predicted=[PredictionTable(one.table[rows].reset_index(drop=True), one.classes,
                                                        one.setting, one.temperatures) for one in self.predicted])


def join(row: Row) -> Joined:
    """The folds of each seed as one list of clips, in one order for all seeds.

    Raises UserError where a clip is scored twice for a seed, or where the seeds are not of the same clips.
    """
    by_seed: dict[str, list[Scored]] = {}
    for part in row.parts:
        by_seed.setdefault(seed_of(part), []).append(part)
    seeds = sorted(by_seed, key=lambda seed: (len(seed), seed))
    together = [_concatenated(row.name, seed, by_seed[seed]) for seed in seeds]
    for seed, other in zip(seeds[1:], together[1:], strict=True):
        odd = describe_difference(together[0], other)
        if odd:
            raise UserError(f"{row.name}: seeds {seeds[0]} and {seed} have {odd}; name the same folds of every seed.")
    ordered = [PredictionTable(one.table.iloc[order].reset_index(drop=True), one.classes, one.setting, one.temperatures)
               for one, order in zip(together, align(together), strict=True)]
    return Joined(ordered, seeds, [part.facts for part in row.parts])


def seed_of(part: Scored) -> str:
    """The seed of an evaluation as text; of folds of several seeds, or of a product, all of them."""
    seed = part.facts["seed"]
    if not isinstance(seed, list):
        return str(seed)
    return " ".join(dict.fromkeys(str(one[0] if isinstance(one, list) and len(one) == 1 else one) for one in seed))


def folds_of(part: Scored) -> list[str]:
    """The folds whose clips an evaluation has scored."""
    fold = part.facts["fold"]
    return [str(one) for one in (fold if isinstance(fold, list) else [fold])]


def _concatenated(name: str, seed: str, parts: list[Scored]) -> PredictionTable:
    first = parts[0].predicted
    for part in parts[1:]:
        if part.predicted.classes != first.classes:
            raise UserError(f"{name}: {parts[0].folder} and {part.folder} have other classes "
                            f"({', '.join(first.classes)}, and {', '.join(part.predicted.classes)}); give them rows of "
                            f"their own.")
    table = pd.concat([part.predicted.table for part in parts], ignore_index=True)
    twice = table["id"][table["id"].duplicated()]
    if len(twice):
        raise UserError(f"{name}: {counted(len(twice), 'clip')} scored more than once for seed {seed} "
                        f"({twice.iloc[0]}, ...) "
                        f"by {', '.join(str(part.folder) for part in parts)}; name each fold once, or give them rows "
                        f"of their own (NAME=RUN).")
    attributes = [column for column in table.columns if table[column].dtype != np.float64]
    table[attributes] = table[attributes].fillna("")  # of a fold that has no such column
    temperatures = {fold: value for part in parts for fold, value in part.predicted.temperatures.items()}
    return PredictionTable(table, first.classes, first.setting, temperatures)


def compare_rows(rows: Sequence[Row]) -> list[RowScores]:
    """Each row's scores, and how far it is from the first one; p-values are corrected over all of them.

    Rows that cannot be compared with the first one have no difference, and a mark that says why. Raises UserError
    where the parts of a row do not belong together.
    """
    joined = [join(row) if row.parts else None for row in rows]
    first = joined[0] if joined else None
    resampled = [None if one is None else _resample(one) for one in joined]
    found = []
    for row, own, scores in zip(rows, joined, resampled, strict=True):
        if own is None or scores is None:
            found.append(RowScores(row.name, {}, {}, [], [], 0, 0, None, None, None,
                                   [f"failed: {row.failed}" if row.failed else "no answers"]))
            continue
        caveats = caveats_of(own.facts, own.predicted[0], len(own.seeds))
        difference = None
        if first is None:
            caveats += ["the first row has no answers, so no difference"]
        elif own is not first:
            odd = describe_difference(first.predicted[0], own.predicted[0])
            caveats += caveats_against(first.facts[0], own.facts[0])
            caveats += [f"not compared with the first row: {odd}"] if odd else []
            difference = None if odd else _difference(first, own, resampled[0]["uar"], scores["uar"])
        found.append(_scores(row, own, scores, difference, caveats))
    return _corrected(found)


def _resample(own: Joined) -> dict[str, Resampled]:
    return resample_seeds(own.confusions())


def speakers_of(predicted: PredictionTable) -> int:
    """How many people there are; 0 where they are unknown."""
    names = set(predicted.table["speaker"])
    return 0 if UNKNOWN_SPEAKER in names else len(names)


def estimates(own: Joined) -> tuple[dict[str, Estimate], dict[str, list[float]]]:
    """UAR, WAR and macro F1 as means over the seeds, and of each seed."""
    return _estimates(own, _resample(own))


def _estimates(own: Joined, scores: dict[str, Resampled]) -> tuple[dict[str, Estimate], dict[str, list[float]]]:
    speakers = speakers_of(own.predicted[0])
    return ({name: estimate(scores[name], speakers) if speakers >= FEWEST_SPEAKERS
             else Estimate(float(scores[name].values.mean())) for name in SCORES},
            {name: scores[name].values.tolist() for name in SCORES})


def _difference(first: Joined, own: Joined, one: Resampled, other: Resampled) -> Estimate:
    speakers = speakers_of(own.predicted[0])
    if speakers < FEWEST_SPEAKERS:
        return Estimate(float(other.values.mean() - one.values.mean()))
    return estimate_difference(one, other, speakers, paired_seeds=first.seeds == own.seeds)


def _scores(row: Row, own: Joined, scores: dict[str, Resampled], difference: Estimate | None,
            caveats: list[str]) -> RowScores:
    predicted = own.predicted[0]
    means, by_seed = _estimates(own, scores)
    folds = sorted({fold for part in row.parts for fold in folds_of(part)}, key=lambda fold: (len(fold), fold))
    return RowScores(row.name, means, by_seed, own.seeds, folds, len(predicted.table), speakers_of(predicted),
                     1 / len(set(predicted.table["label"])), difference, None, caveats)


def _corrected(found: list[RowScores]) -> list[RowScores]:
    tested = [place for place, row in enumerate(found) if row.difference is not None and row.difference.p is not None]
    for place, p in zip(tested, holm([found[place].difference.p for place in tested]), strict=True):
        found[place] = found[place]._replace(p_corrected=p)
    return found

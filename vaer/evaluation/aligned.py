"""The same clips in several tables of answers, which two systems must share to be compared."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from vaer.evaluation.intervals import FEWEST_SPEAKERS, LEVEL, paired_intervals
from vaer.evaluation.scored import PredictionTable, Scored
from vaer.records import UNKNOWN_SPEAKER

SHOWN = 3


def align(predicted: Sequence[PredictionTable]) -> list[np.ndarray]:
    """The order of each table in which all have the same clips one after the other."""
    key = key_of(predicted)
    return [np.argsort(one.table[key].to_numpy(dtype=str), kind="stable") for one in predicted]


def key_of(predicted: Sequence[PredictionTable]) -> str:
    """By take where it is unique: face and voice of one performance are files of different names."""
    return "take" if all(one.table["take"].is_unique for one in predicted) else "id"


def describe_difference(first: PredictionTable, other: PredictionTable) -> str:
    """In words, why two tables of answers are not of the same clips; empty where they are."""
    if first.classes != other.classes:
        return f"other classes ({', '.join(first.classes)}, and {', '.join(other.classes)})"
    key = key_of((first, other))
    names = [set(one.table[key]) for one in (first, other)]
    if names[0] != names[1]:
        shared = len(names[0] & names[1])
        return f"other clips ({len(names[0])} and {len(names[1])}, of which {shared} are the same)"
    one, two = (predicted.table.set_index(key).sort_index() for predicted in (first, other))
    for column, plural in (("label", "labels"), ("speaker", "speakers")):
        odd = one.index[(one[column] != two[column]).to_numpy()]
        if len(odd):
            return f"other {plural} for {len(odd)} of the clips ({', '.join(odd[:SHOWN])})"
    return ""


def _named(scored: Scored) -> str:
    return str(scored.folder) + (f" ({scored.facts['adaptation']})" if scored.facts["adaptation"] else "")


def compare(first: Scored, other: Scored) -> str:
    """One sentence: by how much `other` differs from `first` in UAR, and how sure that is."""
    both = [scored.predicted for scored in (first, other)]
    predicted = [dataclasses.replace(one, table=one.table.iloc[order])
                 for one, order in zip(both, align(both), strict=True)]
    clips = [one.table[key_of(both)].tolist() for one in predicted]
    if clips[0] != clips[1] or first.predicted.classes != other.predicted.classes:
        return f"{other.folder} against {first.folder}: not the same clips and classes, so no paired comparison"
    difference = other.facts["uar"] - first.facts["uar"]
    if UNKNOWN_SPEAKER in predicted[0].speakers:
        return f"{_named(other)} against {_named(first)}: UAR {difference:+.3f}, no interval (speakers unknown)"
    spans = paired_intervals(predicted[0].predictions, predicted[1].predictions, predicted[0].labels,
                             predicted[0].speakers, len(first.predicted.classes))
    summary = f"{_named(other)} against {_named(first)}: UAR {difference:+.3f}"
    if spans is None:
        return f"{summary}, no interval (fewer than {FEWEST_SPEAKERS} speakers)"
    low, high = spans["uar"]
    return f"{summary} [{low:+.3f}, {high:+.3f}] ({LEVEL:.0%} over speakers, paired)"

"""What a reader of a table must know of a row, in words: all that makes a score or a difference less than it seems."""

from typing import Any

from vaer.evaluation.intervals import FEWEST_SPEAKERS
from vaer.evaluation.scored import PredictionTable
from vaer.records import UNKNOWN_SPEAKER
from vaer.words import counted

ALIKE = {"protocol": "protocol", "corpus": "corpus", "channel": "channel", "labels": "label set",
         "validation": "validation", "views": "views"}
"""Facts whose difference makes two rows something else than the same test of two recipes."""


def caveats_of(facts: list[dict[str, Any]], predicted: PredictionTable, seeds: int) -> list[str]:
    """Of a row with these parts, whose answers are of so many seeds."""
    caveats = [f"GUARD LIFTED: {leak}" for leak in _all(facts, "leaks")]
    caveats += [f"may have seen the test: {warning}" for warning in _all(facts, "warnings")]
    caveats += _each(facts, "adaptation") + _each(facts, "remark")
    for names in dict.fromkeys(tuple(one["product_of"]) for one in facts if "product_of" in one):
        caveats.append(f"product of the calibrated posteriors of {' and '.join(names)}")
    caveats += [f"not calibrated, for want of validation speakers: {name}" for name in _all(facts, "uncalibrated")]
    cut = sum(one.get("clips_cut", 0) for one in facts)
    if cut:
        caveats.append(f"{counted(cut, 'clip')} cut to the middle")
    speakers = set(predicted.table["speaker"])
    if UNKNOWN_SPEAKER in speakers:
        caveats.append("no interval: speakers unknown")
    elif len(speakers) < FEWEST_SPEAKERS:
        caveats.append(f"no interval: {counted(len(speakers), 'test speaker')}, {FEWEST_SPEAKERS} are needed")
    elif seeds == 1:
        caveats.append("one seed: the interval is over speakers alone")
    return caveats


def caveats_against(first: dict[str, Any], own: dict[str, Any]) -> list[str]:
    """Of a row beside the first one, by a part of each."""
    return [f"{word} {own.get(name)}, not {first.get(name)} as in the first row" for name, word in ALIKE.items()
            if own.get(name) != first.get(name)]


def _all(facts: list[dict[str, Any]], name: str) -> list[str]:
    return list(dict.fromkeys(text for one in facts for text in one.get(name) or []))


def _each(facts: list[dict[str, Any]], name: str) -> list[str]:
    return list(dict.fromkeys(one[name] for one in facts if one.get(name)))

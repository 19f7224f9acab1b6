"""Who trains, who selects and who is scored; and the guard that no speaker stands on two sides."""

import json
from functools import cache
from importlib import resources
from typing import Any

from vaer.choose import choose
from vaer.errors import UserError
from vaer.records import Item, Split

SPEAKER_DEPENDENT = ("repetition", "all_train")


@cache
def published() -> dict[str, dict[str, Any]]:
    """The protocols of protocols.json by name; each has `folds`, a list of speakers for train, val and test."""
    return json.loads(resources.files("vaer.data").joinpath("protocols.json").read_text(encoding="utf-8"))


def split(items: list[Item], protocol: str, fold: int) -> Split:
    """Divide a corpus as `protocol` says; raises UserError for an unknown name or fold, or where nobody trains.

    `repetition` and `all_train` are for one's own few speakers: they measure nothing about people never seen, and
    the verdict says so.
    """
    if protocol == "repetition":
        return _by_repetition(items)
    if protocol == "all_train":
        return Split(items, [], [], f"all {len(items)} clips train; nobody selects, nobody is tested")
    table = {**published(), **dict.fromkeys(SPEAKER_DEPENDENT)}
    folds = choose(table, protocol, "data.protocol")["folds"]
    if fold >= len(folds):
        raise UserError(f"--data.fold {fold} is not one of {protocol}: it has {len(folds)} folds, from 0.")
    sides = [[item for item in items if item.speaker in {str(speaker) for speaker in folds[fold][side]}]
             for side in ("train", "val", "test")]
    if not sides[0]:
        raise UserError(f"--data.protocol {protocol} fold {fold} trains on speakers {folds[fold]['train']}, and "
                        f"--data.root holds speakers {_names(items)} only; try --data.protocol repetition.")
    check_split(*sides)
    return Split(*sides, verdict=_verdict(*sides))


def check_split(train: list[Item], validation: list[Item], test: list[Item]) -> None:
    """Raise UserError where a speaker stands on more than one side."""
    sides = {"train": _speakers(train), "validation": _speakers(validation), "test": _speakers(test)}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = sides[one] & sides[other]
        if shared:
            raise UserError(f"Speakers {', '.join(sorted(shared))} stand in {one} and in {other}; "
                            f"a split must not share speakers.")


def _by_repetition(items: list[Item]) -> Split:
    first, second = ([item for item in items if item.attributes.get("repetition") == which] for which in "12")
    if not first or not second:
        raise UserError(f"--data.protocol repetition wants first and second repetitions; the {len(items)} clips of "
                        f"--data.root hold {len(first)} and {len(second)}.")
    return Split(first, [], second, f"first repetitions train, second ones test, of the same speakers "
                                    f"({_names(items)}): speaker-dependent, says nothing about people never seen")


def _verdict(train: list[Item], validation: list[Item], test: list[Item]) -> str:
    sides = ((_names(train), len(train)), (_names(validation), len(validation)), (_names(test), len(test)))
    told = "; ".join(f"{side} speakers {names} ({count} clips)" if count else f"{side} none"
                     for side, (names, count) in zip(("train", "validation", "test"), sides, strict=True))
    return f"no speaker on two sides: {told}"


def _speakers(items: list[Item]) -> set[str]:
    return {item.speaker for item in items}


def _names(items: list[Item]) -> str:
    return ", ".join(sorted(_speakers(items), key=lambda name: (len(name), name)))

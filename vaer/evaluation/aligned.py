"""The same clips in several tables of answers, which two systems must share to be compared."""

from collections.abc import Sequence

import numpy as np

from vaer.evaluation.scored import Answers

SHOWN = 3


def align(answers: Sequence[Answers]) -> list[np.ndarray]:
    """The order of each table in which all have the same clips one after the other."""
    key = key_of(answers)
    return [np.argsort(one.table[key].to_numpy(dtype=str), kind="stable") for one in answers]


def key_of(answers: Sequence[Answers]) -> str:
    """By take where it is unique: face and voice of one performance are files of different names."""
    return "take" if all(one.table["take"].is_unique for one in answers) else "id"


def told_difference(first: Answers, other: Answers) -> str:
    """In words, why two tables of answers are not of the same clips; empty where they are."""
    if first.classes != other.classes:
        return f"other classes ({', '.join(first.classes)}, and {', '.join(other.classes)})"
    key = key_of((first, other))
    names = [set(one.table[key]) for one in (first, other)]
    if names[0] != names[1]:
        shared = len(names[0] & names[1])
        return f"other clips ({len(names[0])} and {len(names[1])}, of which {shared} are the same)"
    one, two = (answers.table.set_index(key).sort_index() for answers in (first, other))
    for column, plural in (("label", "labels"), ("speaker", "speakers")):
        odd = one.index[(one[column] != two[column]).to_numpy()]
        if len(odd):
            return f"other {plural} for {len(odd)} of the clips ({', '.join(odd[:SHOWN])})"
    return ""

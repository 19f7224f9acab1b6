"""Scores of the clips that share an attribute: one intensity, one sex, one statement."""

from collections.abc import Sequence
from typing import NamedTuple

from vaer.errors import UserError
from vaer.evaluation.comparison import Row, estimates, join, speakers_of
from vaer.evaluation.saved import attributes_of
from vaer.evaluation.seeds import Estimate

ALWAYS = ("label", "speaker", "fold")
"""Columns of every table of predictions that divide its clips, too."""


class ValueScores(NamedTuple):
    """What a row is worth on the clips of one value."""

    name: str
    value: str
    scores: dict[str, Estimate]
    clips: int
    speakers: int
    """0 where they are unknown."""
    classes: int
    """That occur among the labels: UAR is the mean of their recalls."""


def score_by(rows: Sequence[Row], attribute: str) -> list[ValueScores]:
    """Each row's scores on the clips of each value, in the order of the values; rows without answers have none.

    Raises UserError where the predictions of a row do not hold the attribute.
    """
    found = []
    for row in rows:
        if not row.parts:
            continue
        joined = join(row)
        known = [*ALWAYS, *attributes_of(joined.table, joined.predicted[0].classes)]
        if attribute not in known:
            raise UserError(f"--by {attribute}: the predictions of {row.name} have {', '.join(known)}; choose one of "
                            f"these, or score it anew with `vaer evaluate {row.parts[0].folder}` if an older vaer did.")
        values = joined.table[attribute].to_numpy(dtype=str)
        for value in sorted(set(values), key=lambda one: (len(one) if one.isdigit() else 0, one)):
            own = joined.only(values == value)
            table = own.table
            found.append(ValueScores(row.name, value, estimates(own)[0], len(table), speakers_of(own.predicted[0]),
                                     table["label"].nunique()))
    return found

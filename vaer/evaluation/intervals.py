"""How sure a score is: 95 % intervals by resampling speakers, since the clips of one speaker rise and fall together."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
FEWEST_SPEAKERS = 8
"""With fewer the interval would promise what it cannot keep; the speakers are listed instead."""
RESAMPLES = 10_000
PRECISION = 1e-3  # of a p-value, relative
SCORES = ("uar", "war", "macro_f1")


class Interval(NamedTuple):
    """The span in which the score over all speakers of this kind is expected to lie, 95 times in 100."""

    low: float
    high: float


def speaker_intervals(predictions: np.ndarray, labels: np.ndarray, speakers: np.ndarray,
                      num_classes: int) -> dict[str, Interval] | None:
    """An interval each for UAR, WAR and macro F1 of clips (clips,); None with fewer than 8 speakers."""
    draws = speaker_draws(predictions, labels, speakers, num_classes)
    return None if draws is None else {name: span_of(draws[name], len(set(speakers))) for name in SCORES}


def paired_intervals(predictions: np.ndarray, others: np.ndarray, labels: np.ndarray, speakers: np.ndarray,
                     num_classes: int) -> dict[str, Interval] | None:
    """Intervals of the differences `others` - `predictions` on the same clips; None with fewer than 8 speakers.

    Both are resampled by the same speakers, which takes out what makes a speaker hard for either.
    """
    first, second = (speaker_draws(predicted, labels, speakers, num_classes) for predicted in (predictions, others))
    if first is None or second is None:
        return None
    return {name: span_of(second[name] - first[name], len(set(speakers))) for name in SCORES}


def speaker_draws(predictions: np.ndarray, labels: np.ndarray, speakers: np.ndarray,
                  num_classes: int) -> dict[str, np.ndarray] | None:
    """UAR, WAR and macro F1 (draws,) of clips (clips,) of resampled speakers; None with fewer than 8.

    The same draw is of the same speakers in every call: differences of two answers to the same clips are paired.
    """
    confusions = speaker_confusions(predictions, labels, speakers, num_classes)
    return None if len(confusions) < FEWEST_SPEAKERS else score_confusions(resample(confusions))


def speaker_confusions(predictions: np.ndarray, labels: np.ndarray, speakers: np.ndarray,
                       num_classes: int) -> np.ndarray:
    """(speakers, classes, classes) counts; rows are labels, columns predictions."""
    names, who = np.unique(speakers, return_inverse=True)
    counts = np.zeros((len(names), num_classes, num_classes))
    np.add.at(counts, (who, labels, predictions), 1)
    return counts


def score_confusions(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """UAR, WAR and macro F1 of each of `confusions` (draws, classes, classes), as `score` gives them."""
    right = np.diagonal(confusions, axis1=1, axis2=2)
    labelled, predicted = confusions.sum(axis=2), confusions.sum(axis=1)  # (draws, classes)
    present = labelled > 0
    counted = present.sum(axis=1)
    recall = right / labelled.clip(min=1)
    f1 = 2 * right / (labelled + predicted).clip(min=1)
    return {"uar": (recall * present).sum(axis=1) / counted, "war": right.sum(axis=1) / labelled.sum(axis=1),
            "macro_f1": (f1 * present).sum(axis=1) / counted}


def resample(confusions: np.ndarray) -> np.ndarray:
    """(draws, classes, classes): the counts of as many speakers, drawn with replacement, the same in every call."""
    speakers = len(confusions)
    times = np.random.default_rng(0).multinomial(speakers, np.full(speakers, 1 / speakers), size=RESAMPLES)
    return (times @ confusions.reshape(speakers, -1)).reshape(RESAMPLES, *confusions.shape[1:])


def span_of(draws: np.ndarray, speakers: int, level: float = LEVEL) -> Interval:
    """Percentiles, moved outwards for few speakers (Hesterberg 2015, The American Statistician 69(4), 371-386).

    The plain ones are too narrow by sqrt((n - 1) / n) and as if the spread were known: the "expanded percentile
    interval" takes those of a normal at sqrt(n / (n - 1)) times the quantile of Student's t.
    """
    tail = tail_of(speakers, level)
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(high))


def tail_of(speakers: int, level: float) -> float:
    """The share of draws beyond either end of an interval."""
    reach = np.sqrt(speakers / (speakers - 1)) * stats.t.ppf((1 + level) / 2, speakers - 1)
    return float(stats.norm.cdf(-reach))


def p_value_of(draws_at: Callable[[float], np.ndarray], speakers: int) -> float:
    """Two-sided, of a difference: 1 less the level at which its interval, of the draws at that level, just reaches 0.

    It is never 0: a level of which fewer than one draw lies beyond the interval is taken to reach it.
    """
    def reaches(p: float) -> bool:
        draws = draws_at(1 - p)
        if tail_of(speakers, 1 - p) * (len(draws) + 1) < 1:
            return True
        low, high = span_of(draws, speakers, 1 - p)
        return low <= 0 <= high

    if reaches(1.0):
        return 1.0
    below, above = 0.0, 1.0
    while above - below > PRECISION * above:
        middle = (below + above) / 2
        below, above = (middle, above) if reaches(middle) else (below, middle)
    return above

"""How sure a score is: 95 % intervals by resampling speakers, since the clips of one speaker rise and fall together."""

from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
FEWEST_SPEAKERS = 8
"""With fewer the interval would promise what it cannot keep; the speakers are listed instead."""
RESAMPLES = 10_000
SCORES = ("uar", "war", "macro_f1")


class Interval(NamedTuple):
    """The span in which the score over all speakers of this kind is expected to lie, 95 times in 100."""

    low: float
    high: float


def speaker_intervals(predictions: np.ndarray, labels: np.ndarray, speakers: np.ndarray,
                      num_classes: int) -> dict[str, Interval] | None:
    """An interval each for UAR, WAR and macro F1 of clips (clips,); None with fewer than 8 speakers."""
    confusions = speaker_confusions(predictions, labels, speakers, num_classes)
    if len(confusions) < FEWEST_SPEAKERS:
        return None
    draws = score_confusions(_resampled(confusions))
    return {name: _span(draws[name], len(confusions)) for name in SCORES}


def paired_intervals(predictions: np.ndarray, others: np.ndarray, labels: np.ndarray, speakers: np.ndarray,
                     num_classes: int) -> dict[str, Interval] | None:
    """Intervals of the differences `others` - `predictions` on the same clips; None with fewer than 8 speakers.

    Both are resampled by the same speakers, which takes out what makes a speaker hard for either.
    """
    first, second = (speaker_confusions(answers, labels, speakers, num_classes) for answers in (predictions, others))
    if len(first) < FEWEST_SPEAKERS:
        return None
    draws = [score_confusions(_resampled(confusions)) for confusions in (first, second)]
    return {name: _span(draws[1][name] - draws[0][name], len(first)) for name in SCORES}


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
    true, told = confusions.sum(axis=2), confusions.sum(axis=1)  # (draws, classes)
    present = true > 0
    counted = present.sum(axis=1)
    recall = right / true.clip(min=1)
    f1 = 2 * right / (true + told).clip(min=1)
    return {"uar": (recall * present).sum(axis=1) / counted, "war": right.sum(axis=1) / true.sum(axis=1),
            "macro_f1": (f1 * present).sum(axis=1) / counted}


def _resampled(confusions: np.ndarray) -> np.ndarray:
    """(draws, classes, classes): the counts of as many speakers, drawn with replacement, the same in every call."""
    speakers = len(confusions)
    times = np.random.default_rng(0).multinomial(speakers, np.full(speakers, 1 / speakers), size=RESAMPLES)
    return (times @ confusions.reshape(speakers, -1)).reshape(RESAMPLES, *confusions.shape[1:])


def _span(draws: np.ndarray, speakers: int) -> Interval:
    """Percentiles, moved outwards for few speakers (Hesterberg 2015, The American Statistician 69(4), 371-386).

    The plain ones are too narrow by sqrt((n - 1) / n) and as if the spread were known: the "expanded percentile
    interval" takes those of a normal at sqrt(n / (n - 1)) times the quantile of Student's t.
    """
    reach = np.sqrt(speakers / (speakers - 1)) * stats.t.ppf((1 + LEVEL) / 2, speakers - 1)
    tail = stats.norm.cdf(-reach)
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(high))

"""How sure a mean over networks of several seeds is: speakers and seeds are both drawn anew."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

from vaer.evaluation.intervals import (
    FEWEST_SPEAKERS,
    LEVEL,
    RESAMPLES,
    SCORES,
    Interval,
    p_value_of,
    resample,
    score_confusions,
    span_of,
)


class Resampled(NamedTuple):
    """One score of the networks of several seeds on the same clips."""

    values: np.ndarray
    """(seeds,) over the speakers that there are."""
    draws: np.ndarray
    """(seeds, draws) over speakers drawn anew, the same ones for every seed and in every call."""


class Estimate(NamedTuple):
    """A score, or a difference of two, with what is known of its error; None where there are too few speakers."""

    value: float
    interval: Interval | None = None
    p: float | None = None
    """Of a difference alone."""


def resample_seeds(confusions: np.ndarray) -> dict[str, Resampled]:
    """UAR, WAR and macro F1 of counts (seeds, speakers, classes, classes); no draws with fewer than 8 speakers."""
    values = score_confusions(confusions.sum(axis=1))
    if confusions.shape[1] < FEWEST_SPEAKERS:
        return {name: Resampled(values[name], np.empty((len(confusions), 0))) for name in SCORES}
    draws = [score_confusions(resample(own)) for own in confusions]
    return {name: Resampled(values[name], np.stack([own[name] for own in draws])) for name in SCORES}


def estimate(score: Resampled, speakers: int) -> Estimate:
    """The mean over the seeds with its interval."""
    value = float(score.values.mean())
    if not score.draws.size:
        return Estimate(value)
    return Estimate(value, _within(span_of(_draws([score], speakers)(LEVEL), speakers), 0, 1))


def estimate_difference(first: Resampled, other: Resampled, speakers: int, *, paired_seeds: bool) -> Estimate:
    """The mean of `other` less that of `first` on the same clips, with interval and p.

    Speakers are drawn the same for both; `paired_seeds` says that both have the same seeds, whose differences count.
    """
    value = float(other.values.mean() - first.values.mean())
    if not first.draws.size:
        return Estimate(value)
    if paired_seeds:
        arms = [Resampled(other.values - first.values, other.draws - first.draws)]
    else:
        arms = [other, Resampled(-first.values, -first.draws)]
    draws_at = _draws(arms, speakers)
    return Estimate(value, _within(span_of(draws_at(LEVEL), speakers), -1, 1), p_value_of(draws_at, speakers))


def _within(interval: Interval, least: float, most: float) -> Interval:
    """What of an interval can be: two seeds that differ much would have it reach beyond."""
    return Interval(max(interval.low, least), min(interval.high, most))


def _draws(arms: list[Resampled], speakers: int) -> Callable[[float], np.ndarray]:
    """The sum of the means of independent arms, drawn over speakers and seeds, for the interval of a level.

    Seeds are too few to draw from: their part is normal, with the variance that they show, and wider by as much as
    Student's t of so few is above that of the speakers, which the interval brings along.
    """
    over_speakers = np.sum([arm.draws.mean(axis=0) for arm in arms], axis=0)
    few = (speakers - 1) / speakers  # what the interval makes good
    parts = []
    for number, arm in enumerate(arms):
        seeds, variance = len(arm.values), _variance_of_seeds(arm, few)
        if variance > 0:
            normal = np.random.default_rng((1, number)).normal(size=RESAMPLES)
            parts.append((normal * np.sqrt(variance / seeds * few), seeds - 1))

    def draws_at(level: float) -> np.ndarray:
        if level == 0:
            return over_speakers
        reach = stats.t.ppf((1 + level) / 2, speakers - 1)
        return over_speakers + sum(part * stats.t.ppf((1 + level) / 2, freedom) / reach for part, freedom in parts)

    return draws_at


def _variance_of_seeds(arm: Resampled, few: float) -> float:
    """How much seeds scatter beyond what finitely many clips and speakers let them: that part is drawn already."""
    seeds = len(arm.values)
    if seeds == 1:
        return 0.0
    by_chance = (arm.draws - arm.draws.mean(axis=0)).var(axis=1).sum() / (seeds - 1) / few
    return max(0.0, float(arm.values.var(ddof=1) - by_chance))

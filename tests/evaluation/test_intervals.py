import numpy as np
import pytest
from scipy import stats

from vaer.evaluation.intervals import (
    p_value_of,
    paired_intervals,
    resample,
    score_confusions,
    span_of,
    speaker_confusions,
    speaker_intervals,
)
from vaer.evaluation.metrics import score


def study(speakers=12, clips=20, classes=4, right=0.7, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(clips) % classes, speakers)
    who = np.repeat(np.arange(speakers), clips).astype(str)
    good = rng.uniform(size=len(labels)) < right + rng.normal(0, 0.1, speakers)[who.astype(int)]
    return np.where(good, labels, (labels + 1) % classes), labels, who


def test_confusions_sum_up_to_those_of_all_clips():
    predictions, labels, who = study()
    counts = speaker_confusions(predictions, labels, who, 4)
    assert counts.shape == (12, 4, 4)
    whole = score(np.eye(4)[predictions], labels)
    assert counts.sum(axis=0).astype(int).tolist() == whole.confusion
    scores = score_confusions(counts.sum(axis=0, keepdims=True))
    assert (scores["uar"][0], scores["war"][0], scores["macro_f1"][0]) == pytest.approx(
        (whole.uar, whole.war, whole.macro_f1))


def test_classes_that_are_absent_or_never_answered_are_scored_as_scikit_learn_does():
    labels, predictions = np.array([0, 0, 1, 1]), np.array([0, 3, 0, 0])  # 2 never occurs, 3 is only answered
    whole = score(np.eye(4)[predictions], labels)
    scores = score_confusions(speaker_confusions(predictions, labels, np.array(list("aabb")), 4).sum(0, keepdims=True))
    assert (scores["uar"][0], scores["macro_f1"][0]) == pytest.approx((whole.uar, whole.macro_f1))


def test_an_interval_holds_its_score_and_is_the_same_in_every_call():
    predictions, labels, who = study()
    spans = speaker_intervals(predictions, labels, who, 4)
    whole = score(np.eye(4)[predictions], labels)
    assert spans["uar"].low < whole.uar < spans["uar"].high
    assert spans["war"].low < whole.war < spans["war"].high
    assert spans == speaker_intervals(predictions, labels, who, 4)


def test_speakers_that_scatter_make_it_wide_and_many_make_it_narrow():
    def width(predictions, labels, who):
        low, high = speaker_intervals(predictions, labels, who, 4)["uar"]
        return high - low

    predictions, labels, who = study(speakers=10)
    half = np.where(who.astype(int) < 5, labels, (labels + 1) % 4)  # half of the speakers right, half wrong
    assert width(half, labels, who) > 2 * width(predictions, labels, who)
    assert width(*study(speakers=90)) < width(predictions, labels, who) / 2


def test_fewer_than_eight_speakers_give_none():
    assert speaker_intervals(*study(speakers=7), 4) is None
    assert speaker_intervals(*study(speakers=8), 4) is not None
    predictions, labels, who = study(speakers=7)
    assert paired_intervals(predictions, predictions, labels, who, 4) is None


def test_pairing_takes_out_what_is_hard_for_both():
    predictions, labels, who = study(right=0.6)
    better = predictions.copy()
    better[::10] = labels[::10]  # a few more right in every speaker
    low, high = paired_intervals(predictions, better, labels, who, 4)["uar"]
    assert 0 < low < score(np.eye(4)[better], labels).uar - score(np.eye(4)[predictions], labels).uar < high
    assert paired_intervals(predictions, predictions, labels, who, 4)["uar"] == (0, 0)
    alone = speaker_intervals(predictions, labels, who, 4)["uar"]
    assert high - low < (alone.high - alone.low) / 2


def answers_of(better):
    """Ten speakers with a clip of each of two classes: the first system misses class 1 for all, the other for some."""
    labels, who = np.tile([0, 1], 10), np.repeat(np.arange(10), 2).astype(str)
    return np.zeros(20, int), np.where(np.repeat(np.arange(10) < better, 2), labels, 0), labels, who


def test_a_paired_interval_is_that_of_the_binomial_which_the_resampling_draws():
    # Each of 3 in 10 speakers is better by 0.5 in UAR; of 10 drawn, a binomial number with p = 0.3 is such a one.
    tail = stats.norm.cdf(-np.sqrt(10 / 9) * stats.t.ppf(0.975, 9))
    low, high = paired_intervals(*answers_of(3), 2)["uar"]
    assert (low, high) == pytest.approx((stats.binom.ppf(tail, 10, 0.3) / 20, stats.binom.isf(tail, 10, 0.3) / 20))


def test_a_p_value_is_the_level_at_which_the_interval_touches_zero():
    first, other, labels, who = answers_of(3)
    counts = [speaker_confusions(one, labels, who, 2) for one in (first, other)]
    draws = np.subtract(*(score_confusions(resample(one))["uar"] for one in counts[::-1]))
    # No better speaker is drawn with a probability of 0.7 ** 10.
    assert (draws <= 0).mean() == pytest.approx(0.7 ** 10, abs=0.005)
    expected = 2 * stats.t.sf(stats.norm.isf(0.7 ** 10) / np.sqrt(10 / 9), 9)
    assert p_value_of(lambda _: draws, 10) == pytest.approx(expected, rel=0.15)
    even = np.linspace(-1, 1, 10_001)
    for end in span_of(even, 10):  # moved until that end of the interval is 0
        assert p_value_of(lambda _, moved=even - end: moved, 10) == pytest.approx(0.05, rel=0.002)
    assert p_value_of(lambda _: even, 10) == 1
    assert p_value_of(lambda _: np.zeros(10_000), 10) == 1
    # A draw in 10,002 lies beyond 0 at most: the smallest p that so many draws can tell.
    smallest = 2 * stats.t.sf(stats.norm.isf(1 / 10_002) / np.sqrt(10 / 9), 9)
    assert p_value_of(lambda _: even + 5, 10) == pytest.approx(smallest, rel=0.002)

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import recall_score

from vaer.evaluation.intervals import paired_intervals, speaker_confusions, speaker_intervals
from vaer.evaluation.seeds import estimate, estimate_difference, resample_seeds

SPEAKERS = 12
LABELS = np.tile(np.arange(20) % 4, SPEAKERS)
WHO = np.repeat(np.arange(SPEAKERS), 20).astype(str)


def predicted(seed, right=0.7):
    good = np.random.default_rng(seed).uniform(size=len(LABELS)) < right
    return np.where(good, LABELS, (LABELS + 1) % 4)


def resampled(*predictions, name="uar"):
    return resample_seeds(np.stack([speaker_confusions(one, LABELS, WHO, 4) for one in predictions]))[name]


@pytest.mark.parametrize("name", ["uar", "war", "macro_f1"])
def test_one_seed_has_the_interval_over_speakers(name):
    one, two = predicted(0), predicted(1, right=0.8)
    assert estimate(resampled(one, name=name), SPEAKERS).interval == speaker_intervals(one, LABELS, WHO, 4)[name]
    pair = estimate_difference(resampled(one, name=name), resampled(two, name=name), SPEAKERS, paired_seeds=False)
    assert pair.interval == pytest.approx(paired_intervals(one, two, LABELS, WHO, 4)[name], abs=1e-12)


def test_the_mean_is_that_of_the_seeds_own_scores():
    found = [predicted(seed) for seed in range(3)]
    scores = [recall_score(LABELS, one, average="macro") for one in found]
    assert resampled(*found).values == pytest.approx(scores)
    assert estimate(resampled(*found), SPEAKERS).value == pytest.approx(np.mean(scores))


def test_networks_that_answer_alike_are_one():
    one, two = predicted(0), predicted(1, right=0.8)
    assert estimate(resampled(one, one, one), SPEAKERS).interval == pytest.approx(
        estimate(resampled(one), SPEAKERS).interval)
    for paired in (True, False):
        many = estimate_difference(resampled(one, one), resampled(two, two), SPEAKERS, paired_seeds=paired)
        single = estimate_difference(resampled(one), resampled(two), SPEAKERS, paired_seeds=False)
        assert many.interval == pytest.approx(single.interval)
        assert many.p == pytest.approx(single.p)


def test_seeds_alone_give_the_interval_of_student():
    # All speakers alike, so that nothing but the seeds scatters: recalls of 0.5, 0.7 and 0.9 in either class.
    labels, who = np.tile(np.repeat([0, 1], 10), 8), np.repeat(np.arange(8), 20).astype(str)
    place = np.tile(np.arange(10), 16)
    counts = np.stack([speaker_confusions(np.where(place < right, labels, 1 - labels), labels, who, 2)
                       for right in (3, 5, 7, 8, 9)])
    score = resample_seeds(counts)["uar"]
    values = np.array([0.3, 0.5, 0.7, 0.8, 0.9])
    assert score.values == pytest.approx(values)
    found = estimate(score, 8)
    reach = stats.t.ppf(0.975, 4) * values.std(ddof=1) / np.sqrt(5)
    assert found.interval == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.1 * reach)


def test_seeds_that_are_the_same_networks_are_paired():
    # Every seed loses the same without its audio, however much seeds differ.
    whole = [predicted(seed, right) for seed, right in enumerate((0.5, 0.7, 0.9))]
    deaf = [one.copy() for one in whole]
    for one in deaf:
        right = np.flatnonzero(one == LABELS)
        one[right[::5]] = (LABELS[right[::5]] + 1) % 4
    first, other = resampled(*whole), resampled(*deaf)
    paired, unpaired = (estimate_difference(first, other, SPEAKERS, paired_seeds=how) for how in (True, False))
    assert paired.value == unpaired.value < 0
    assert np.ptp(paired.interval) < np.ptp(unpaired.interval) / 3
    assert paired.p < 0.05 < unpaired.p


def test_few_speakers_have_a_mean_alone():
    counts = np.stack([speaker_confusions(predicted(seed), LABELS, WHO, 4) for seed in range(2)])[:, :7]
    score = resample_seeds(counts)["war"]
    found = estimate(score, 7)
    assert (found.interval, found.p) == (None, None)
    assert found.value == pytest.approx(score.values.mean())
    assert estimate_difference(score, score, 7, paired_seeds=True) == (0, None, None)


def test_two_seeds_that_differ_much_say_nothing_but_no_more_than_can_be():
    low, high = resampled(predicted(0, right=0.1), predicted(1, right=0.9)), resampled(predicted(2, right=0.5))
    assert estimate(low, SPEAKERS).interval == (0, 1)
    found = estimate_difference(low, high, SPEAKERS, paired_seeds=False)
    assert found.interval == (-1, 1)
    assert found.p > 0.5

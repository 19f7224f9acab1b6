import numpy as np
import pytest
from scipy.special import softmax

from vaer.evaluation.calibration import (
    UNCHANGED,
    calibration_error,
    choose_temperature,
    fit_temperature,
    reliability,
    scale,
)


def test_calibration_error_by_hand():
    # confidences .9 .9 (one right: gap .4) in one bin, .6 .6 (both right: gap .4) in another; half the clips each
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    assert calibration_error(probabilities, np.array([0, 1, 0, 1])) == pytest.approx(0.4)


def test_bins_of_reliability_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.62, 0.38], [0.4, 0.6]])
    low, high = reliability(probabilities, np.array([0, 1, 0, 1]))  # 0.6 to 0.667, and 0.867 to 0.933
    assert low == {"from": 9 / 15, "to": 10 / 15, "clips": 2, "confidence": pytest.approx(0.61), "right": 1.0}
    assert high == {"from": 13 / 15, "to": 14 / 15, "clips": 2, "confidence": pytest.approx(0.9), "right": 0.5}


def test_certain_and_right_is_calibrated():
    assert calibration_error(np.eye(3), np.arange(3)) == 0


def test_the_temperature_of_known_logits_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 5))
    labels = np.array([rng.choice(5, p=row) for row in softmax(logits, axis=1)])
    told = softmax(logits * 2.5, axis=1)  # answers that are too sure
    assert fit_temperature(told, labels) == pytest.approx(2.5, rel=0.05)
    assert calibration_error(told, labels) > 0.1
    assert calibration_error(scale(told, 2.5), labels) < 0.02  # what 20,000 draws scatter


def test_scaling_by_one_changes_nothing_and_never_the_answer():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 50)
    np.testing.assert_allclose(scale(probabilities, 1.0), probabilities)
    assert (scale(probabilities, 3.0).argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert np.isfinite(scale(np.eye(4), 0.1)).all()


def drawn(number, sharpness, seed=0):
    """Answers whose logits are `sharpness` times what they should be, and labels drawn from what they should be."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (number, 5))
    labels = np.array([rng.choice(5, p=row) for row in softmax(logits, axis=1)])
    return softmax(logits * sharpness, axis=1), labels


def test_a_temperature_is_kept_where_it_helps_other_speakers():
    told, labels = drawn(400, 2.5)
    assert choose_temperature(told, labels, np.arange(400) % 4) == fit_temperature(told, labels)
    assert choose_temperature(told, labels, np.zeros(400)) == UNCHANGED  # a single one


def test_one_is_not_kept_where_speakers_want_opposite_ones():
    told, labels = drawn(400, 1.0)
    who = np.arange(400) // 200
    sure, unsure = scale(told[:200], 0.25), scale(told[200:], 4.0)  # of each, the other's temperature is the worst
    assert choose_temperature(np.concatenate([sure, unsure]), labels, who) == UNCHANGED


@pytest.mark.parametrize("clips", [8, 64, 512])
def test_clips_that_are_all_right_do_not_make_answers_certain(clips):
    """Of answers at 0.9, all right, the likeliest is as sharp as is looked for, 0.05; the prior holds it back."""
    told, labels = np.full((clips, 2), [0.9, 0.1]), np.zeros(clips, dtype=int)
    assert choose_temperature(told, labels, np.arange(clips) % 4) == UNCHANGED  # nothing is known of wrong answers
    temperature = fit_temperature(told, labels)
    assert 0.2 < temperature < 0.9
    # By hand: the derivative of clips * log(1 + 9 ** (-1 / T)) + 2 (log T) ** 2 by log T is 0.
    rest = 9 ** (-1 / temperature)
    assert clips * np.log(9) / temperature * rest / (1 + rest) + 4 * np.log(temperature) == pytest.approx(0, abs=2e-2)

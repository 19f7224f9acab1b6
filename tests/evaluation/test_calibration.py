import numpy as np
import pytest
from scipy.special import softmax

from vaer.evaluation.calibration import calibration_error, fit_temperature, scale


def test_calibration_error_by_hand():
    # confidences .9 .9 (one right: gap .4) in one bin, .6 .6 (both right: gap .4) in another; half the clips each
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    assert calibration_error(probabilities, np.array([0, 1, 0, 1])) == pytest.approx(0.4)


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

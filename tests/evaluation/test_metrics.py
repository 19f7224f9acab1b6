import numpy as np
import pytest

from vaer.evaluation.metrics import score, score_classes, score_speakers


def predicted(predictions, classes=3):
    return np.eye(classes)[predictions]


def test_scores_by_hand():
    # recalls: class 0 2/3, class 1 1/1; precisions: class 0 2/2, class 1 1/2; F1: 0.8 and 2/3
    metrics = score(predicted([0, 0, 1, 1]), np.array([0, 0, 0, 1]))
    assert metrics.uar == pytest.approx((2 / 3 + 1) / 2)
    assert metrics.war == pytest.approx(3 / 4)
    assert metrics.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert metrics.confusion == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert (metrics.clips, metrics.classes_present) == (4, 2)


def test_a_class_without_clips_neither_helps_nor_hurts_but_takes_answers():
    # class 2 does not occur; taking a clip of class 1 for it costs that clip
    metrics = score(predicted([0, 2]), np.array([0, 1]))
    assert metrics.uar == pytest.approx(1 / 2)
    assert metrics.macro_f1 == pytest.approx(1 / 2)
    assert metrics.classes_present == 2


def test_classes_and_speakers_by_hand():
    probabilities, labels = predicted([0, 0, 1, 1]), np.array([0, 0, 0, 1])
    classes = score_classes(probabilities, labels, ("a", "b", "c"))
    assert classes["a"] == {"precision": 1.0, "recall": pytest.approx(2 / 3), "f1": pytest.approx(0.8), "clips": 3}
    assert classes["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "clips": 0}
    speakers = score_speakers(probabilities, labels, np.array(["10", "9", "10", "9"]))
    assert list(speakers) == ["9", "10"]
    assert speakers["9"] == {"uar": 1.0, "war": 1.0, "clips": 2}
    assert speakers["10"] == {"uar": 0.5, "war": 0.5, "clips": 2}

import pytest
import torch

from vaer.training.balance import balanced_weights


def test_every_class_counts_alike_and_a_clip_counts_one_on_average():
    """Six clips: 3 of class 0, 2 of class 1, 1 of class 2: 6 / (3 * 3), 6 / (3 * 2), 6 / (3 * 1)."""
    labels = [0, 1, 0, 2, 1, 0]
    weights = balanced_weights(labels, 3)
    assert weights.tolist() == pytest.approx([2 / 3, 1, 2])
    assert weights[labels].mean().item() == pytest.approx(1)


def test_even_classes_change_nothing():
    assert balanced_weights([2, 1, 0, 0, 1, 2], 3).tolist() == [1, 1, 1]


def test_a_class_without_clips_takes_no_share_of_the_others():
    """Four clips of two of four classes: 4 / (2 * 3) and 4 / (2 * 1)."""
    weights = balanced_weights([1, 3, 1, 1], 4)
    assert weights.tolist() == pytest.approx([0, 2 / 3, 0, 2])
    assert weights.dtype == torch.float32

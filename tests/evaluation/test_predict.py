import math

import numpy as np
import pytest
import torch
from makers import make_batch, tiny_network

from vaer.evaluation.predict import Predictions, predict


def with_ids(ids, seed):
    return make_batch([0.3] * len(ids), seed=seed)._replace(ids=torch.tensor(ids))


def test_answers_come_in_the_order_of_the_items_whatever_the_batches(accelerator):
    network = tiny_network()
    batches = [with_ids([2, 0], seed=0), with_ids([1], seed=1)]
    predictions = predict(network, batches, accelerator, num_clips=3, views=1)
    with torch.no_grad():
        expected = torch.cat([network.eval()(batch).logits.softmax(1) for batch in batches])[[1, 2, 0]]
    np.testing.assert_allclose(predictions.probabilities, expected, atol=1e-5)
    assert predictions.labels.tolist() == [1, 0, 0]  # labels count up in each batch


def test_views_are_averaged(accelerator):
    network = tiny_network()
    views = [with_ids([0], seed=0), with_ids([0], seed=1)]
    both = predict(network, views, accelerator, num_clips=1, views=2).probabilities
    each = [predict(network, [view], accelerator, num_clips=1, views=1).probabilities for view in views]
    np.testing.assert_allclose(both, (each[0] + each[1]) / 2, atol=1e-6)


@pytest.mark.parametrize("ids", [[0, 0], [0], [0, 2]])
def test_a_clip_that_is_lost_or_comes_twice_is_noticed(accelerator, ids):
    with pytest.raises(AssertionError, match="lost or scored twice"):
        predict(tiny_network(), [with_ids(ids, seed=0)], accelerator, num_clips=2, views=1)


@pytest.mark.parametrize(("modality", "gone"), [("video", "has_audio"), ("audio", "has_video")])
def test_a_modality_can_be_taken_away(accelerator, modality, gone):
    network, batch = tiny_network(), with_ids([0, 1], seed=0)
    told = predict(network, [batch], accelerator, num_clips=2, views=1, modality=modality).probabilities
    with torch.no_grad():
        expected = network.eval()(batch._replace(**{gone: torch.zeros(2, dtype=torch.bool)})).logits.softmax(1)
    np.testing.assert_allclose(told, expected, atol=1e-6)


def test_likelihood_by_hand():
    predictions = Predictions(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0]))
    assert predictions.nll == pytest.approx((math.log(2) + math.log(4)) / 2)

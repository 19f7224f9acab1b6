import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from makers import make_batch, make_item, tiny_network

from vaer.errors import RunError
from vaer.evaluation.predict import Predictions, draw_clips, predict


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


def of_speakers(ids, speakers, seed):
    return with_ids(ids, seed)._replace(speakers=torch.tensor(speakers))


def test_a_speaker_is_known_by_all_its_clips_whatever_the_batches_and_their_order(accelerator):
    network = tiny_network(speaker_norm=True)
    parts = [of_speakers([number], [speaker], seed=number) for number, speaker in enumerate([0, 1, 1, 0, 1])]
    together = [join([parts[number] for number in order]) for order in ([4, 0], [2, 3, 1])]
    tables = [predict(network, batches, accelerator, num_clips=5, views=1).probabilities
              for batches in (parts, parts[::-1], together)]
    for table in tables[1:]:
        np.testing.assert_allclose(table, tables[0], rtol=1e-4)
    with torch.no_grad():
        output = network.eval()(join(parts))
        unknown = output.logits.softmax(1)
        speakers = torch.tensor([0, 1, 1, 0, 1])
        sums = {name: norm.sums_of(output.embedded.vectors[name], speakers, torch.ones(5), 2)[speakers]
                for name, norm in network.norms.items()}
        expected = network.classify(output.embedded, sums).softmax(1)
    np.testing.assert_allclose(tables[0], expected, rtol=1e-4)
    assert np.abs(tables[0] - unknown.numpy()).max() > 1e-3


def join(batches):
    return type(batches[0])(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


def test_clips_that_are_not_adapted_to_change_no_other_answer(accelerator):
    network, chosen = tiny_network(speaker_norm=True), np.array([True, True, False])
    first = of_speakers([0, 1], [0, 0], seed=0)
    last = [of_speakers([2], [0], seed=seed) for seed in (1, 2)]
    tables = [predict(network, [first, other], accelerator, num_clips=3, views=1, adapting=chosen).probabilities
              for other in last]
    np.testing.assert_array_equal(tables[0][:2], tables[1][:2])
    assert np.abs(tables[0][2] - tables[1][2]).max() > 1e-3


@pytest.mark.parametrize("modality", ["both", "video", "audio"])
def test_one_clip_alone_has_a_finite_answer_however_often_it_is_seen(accelerator, modality):
    network, batch = tiny_network(speaker_norm=True), of_speakers([0], [0], seed=0)
    once = predict(network, [batch], accelerator, num_clips=1, views=1, modality=modality).probabilities
    twice = predict(network, [batch, batch], accelerator, num_clips=1, views=2, modality=modality).probabilities
    assert np.isfinite(once).all()
    np.testing.assert_allclose(twice, once, rtol=1e-6)


def test_what_training_knows_of_its_speakers_stays(accelerator):
    network, batch = tiny_network(speaker_norm=True).train(), of_speakers([0, 1], [0, 1], seed=0)
    for norm in network.norms.values():
        norm.remember(torch.tensor([2, 2]))
    network(batch)
    for norm in network.norms.values():
        norm.learn(norm.memory.step)
    before = [(norm.memory.sums.clone(), norm.population.clone()) for norm in network.norms.values()]
    predict(network, [of_speakers([0, 1], [4, 0], seed=1)], accelerator, num_clips=2, views=1)
    for norm, (sums, population) in zip(network.norms.values(), before, strict=True):
        assert torch.equal(norm.memory.sums, sums)
        assert torch.equal(norm.population, population)
        assert norm.memory.step.abs().sum() == 0


def test_clips_are_drawn_for_each_speaker_and_more_hold_the_fewer():
    speakers = np.array([0, 1, 0, 1, 0, 1, 0, 2])
    drawn = [draw_clips(speakers, number, seed=0) for number in range(4)]
    assert [np.bincount(speakers[chosen], minlength=3).tolist() for chosen in drawn] == [
        [0, 0, 0], [1, 1, 1], [2, 2, 1], [3, 3, 1]]
    assert all((more | fewer == more).all() for fewer, more in pairwise(drawn))
    others = [draw_clips(speakers, 1, seed).tolist() for seed in range(9)]
    assert len({tuple(chosen) for chosen in others}) > 1


def test_classes_that_are_not_asked_for_share_their_probability_out(accelerator):
    network, batch = tiny_network(), with_ids([0, 1], seed=0)
    whole = predict(network, [batch], accelerator, num_clips=2, views=1).probabilities
    told = predict(network, [batch], accelerator, num_clips=2, views=1, among=[2, 0]).probabilities
    np.testing.assert_allclose(told, whole[:, [2, 0]] / (whole[:, :1] + whole[:, 2:]), atol=1e-6)


def test_likelihood_by_hand():
    predictions = Predictions(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0]))
    assert predictions.nll == pytest.approx((math.log(2) + math.log(4)) / 2)


NAMED = [make_item(f"folder/{name}.mp4") for name in ("first", "second", "third")]


def poisoned(name, value, **settings):
    """A network one weight of which is `value`."""
    network = tiny_network(**settings)
    with torch.no_grad():
        network.get_parameter(name).view(-1)[0] = value
    return network


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("head", ["fusion", "video_head", "audio_head"])
def test_an_answer_that_is_no_number_is_refused_with_clip_and_weights(accelerator, value, head):
    """-inf in one class would leave probabilities of 0, 0.5 and 0.5; a head beside the fused answer none at all."""
    network = poisoned(f"{head}.classifier.bias", value)
    with pytest.raises(RunError, match=rf"NaN or infinity to 3 clips, first to clip first \(folder/first\.mp4\); its "
                                       rf"weights are NaN or infinite themselves \({head}\.classifier\.bias\): train"):
        predict(network, [with_ids([2, 0], 0), with_ids([1], 1)], accelerator, num_clips=3, views=1, items=NAMED)


@pytest.mark.parametrize("speaker_norm", [False, True])
def test_one_clip_alone_that_gets_no_number_is_named_and_not_its_speakers_others(accelerator, speaker_norm):
    batch = of_speakers([0, 1, 2], [0, 0, 0], seed=0)
    batch.waveform[1, 50] = math.nan
    with pytest.raises(RunError, match=r"NaN or infinity to 1 clip, first to clip second \(folder/second\.mp4\); its "
                                       r"weights are finite: listen to and look at that clip"):
        predict(tiny_network(speaker_norm=speaker_norm), [batch], accelerator, num_clips=3, views=1, items=NAMED)
    with pytest.raises(RunError, match="first to clip number 1; its weights are finite"):
        predict(tiny_network(speaker_norm=speaker_norm), [batch], accelerator, num_clips=3, views=1)


def test_statistics_that_are_no_numbers_are_refused_too(accelerator):
    network = tiny_network()
    name = next(name for name, _ in network.named_buffers() if name.endswith("running_var"))
    network.get_buffer(name).fill_(math.nan)
    with pytest.raises(RunError, match=f"infinite themselves \\({name}\\)"):
        predict(network, [with_ids([0], 0)], accelerator, num_clips=1, views=1)


def test_a_class_that_is_not_asked_for_must_be_a_number_too(accelerator):
    with pytest.raises(RunError, match="first to clip number 0"):
        predict(poisoned("fusion.classifier.bias", math.inf), [with_ids([0], 0)], accelerator, num_clips=1, views=1,
                among=[1, 2])

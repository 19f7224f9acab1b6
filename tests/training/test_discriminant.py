import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vaer.training.balance import balanced_weights
from vaer.training.discriminant import GROUPS, SHRINKAGES, fit_discriminant


def make_features(clips=96, dim=12, classes=3, seed=0):
    """Eight speakers who differ by more than classes do, in dimensions of very different scale."""
    generator = torch.Generator().manual_seed(seed)
    labels, speakers = torch.arange(clips) % classes, torch.arange(clips) * 8 // clips
    vectors = torch.randn(clips, dim, generator=generator)
    vectors[:, :classes] += 1.5 * torch.eye(classes)[labels]
    vectors += 2 * torch.randn(8, dim, generator=generator)[speakers]
    return (5 + vectors * torch.logspace(-2, 2, dim)).double(), labels, speakers


def scores(found, vectors):
    return vectors @ found.weight.T + found.bias


def theirs(vectors, labels, shrinkage):
    """scikit-learn's, whose shrinkage pulls towards one variance, on dimensions of variance 1 within classes."""
    means = torch.stack([vectors[labels == label].mean(0) for label in labels.unique()])
    scale = (vectors - means[labels]).square().mean(0).sqrt()
    fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    fitted.fit((vectors / scale).numpy(), labels.numpy())
    return lambda others: torch.from_numpy(fitted.decision_function((others / scale).numpy()))


@pytest.mark.parametrize("dim", [12, 150])
def test_it_is_scikit_learns_discriminant_but_for_the_temperature(dim):
    """More clips than dimensions, and fewer: both ways of inverting."""
    vectors, labels, speakers = make_features(dim=dim)
    found = fit_discriminant(vectors, labels, speakers, 3)
    ours, expected = scores(found, vectors), theirs(vectors, labels, found.shrinkage)(vectors)
    ours, expected = (values - values.mean(1, keepdim=True) for values in (ours, expected))
    temperature = expected.norm() / ours.norm()
    torch.testing.assert_close(ours * temperature, expected, atol=1e-6, rtol=1e-6)  # even classes: no prior


def test_shrinkage_and_temperature_are_those_that_answer_best_for_speakers_left_out():
    """Tried here by scikit-learn and a grid of temperatures."""
    vectors, labels, speakers = make_features(dim=60)
    found, losses = fit_discriminant(vectors, labels, speakers, 3), {}
    temperatures = torch.logspace(-1, 3, 201).double()[:, None, None]
    for shrinkage in SHRINKAGES:
        held = torch.zeros(len(labels), 3).double()
        for group in range(GROUPS):
            own = speakers % GROUPS == group
            held[own] = theirs(vectors[~own], labels[~own], shrinkage)(vectors[own])
        chances = (held / temperatures).log_softmax(2)[:, torch.arange(96), labels]  # (temperatures, clips)
        losses[shrinkage] = -chances.mean(1).max().item()
    assert found.shrinkage == min(losses, key=losses.get)
    assert found.left_out == pytest.approx(losses[found.shrinkage], abs=1e-3)
    assert losses[SHRINKAGES[0]] > losses[found.shrinkage] < losses[SHRINKAGES[-1]]


def test_rare_classes_are_expected_rarely():
    vectors, labels, speakers = make_features()
    labels[labels == 1] *= torch.arange(32) % 4 == 0  # three in four of class 1 are of class 0
    middle = torch.stack([vectors[labels == label].mean(0) for label in range(3)]).mean(0, keepdim=True)
    rare, frequent = scores(fit_discriminant(vectors, labels, speakers, 3), middle).softmax(1)[0, [1, 0]]
    assert rare < 0.2 < 0.4 < frequent


@pytest.mark.parametrize("dim", [12, 150])
def test_a_class_that_weighs_four_counts_as_if_each_clip_stood_there_four_times(dim):
    vectors, labels, speakers = make_features(dim=dim)
    weighed = fit_discriminant(vectors, labels, speakers, 3, torch.tensor([1.0, 4.0, 1.0]))
    places = torch.arange(96).repeat_interleave(torch.where(labels == 1, 4, 1))
    repeated = fit_discriminant(vectors[places], labels[places], speakers[places], 3)
    assert weighed.shrinkage == repeated.shrinkage
    torch.testing.assert_close(weighed.weight, repeated.weight, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(weighed.bias, repeated.bias, atol=1e-3, rtol=1e-3)


def test_a_class_without_clips_is_hardly_ever_the_answer():
    vectors, labels, speakers = make_features()
    for weights in (None, balanced_weights(labels.tolist(), 4)):
        found = fit_discriminant(vectors, labels, speakers, 4, weights)
        assert not found.weight[3].any()
        chances = scores(found, vectors).softmax(1)[:, 3]
        assert 1e-6 < chances.mean() < chances.max() < 0.1


@pytest.mark.parametrize("clips", [1, 2, 3, 5])
def test_few_clips_of_one_speaker_give_finite_scores(clips):
    vectors, labels, speakers = make_features()
    found = fit_discriminant(vectors[:clips], labels[:clips], speakers[:clips] * 0, 3)
    assert torch.isfinite(scores(found, vectors)).all()
    assert (found.left_out is None) == (clips == 1)


def test_clips_of_one_speaker_are_left_out_whatever_their_order():
    """Labels that follow one another evenly: dealt one by one, every group would be a class."""
    vectors, labels, speakers = make_features(classes=4)
    found = fit_discriminant(vectors - vectors.mean(0), labels, torch.zeros_like(speakers), 4)
    assert found.left_out < 1.2  # chance is log 4 = 1.39


def test_dimensions_that_never_vary_count_for_nothing():
    vectors, labels, speakers = make_features()
    found = fit_discriminant(vectors, labels, speakers, 3)
    more = fit_discriminant(torch.cat([vectors, torch.full((96, 2), 0.7)], dim=1), labels, speakers, 3)
    torch.testing.assert_close(more.weight[:, :-2], found.weight)
    assert not more.weight[:, -2:].any()

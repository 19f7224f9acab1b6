import pytest
import torch
from accelerate import Accelerator
from makers import make_batch, tiny_network
from sklearn.linear_model import LogisticRegression

from vaer.training.balance import balanced_weights
from vaer.training.probing import discriminant, fit_heads, logistic_regression


def make_features(clips=40, dim=6, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(clips) % classes
    centers = torch.randn(classes, dim, generator=generator)
    return 5 + centers[labels] + torch.randn(clips, dim, generator=generator), labels


@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_it_is_scikit_learns_logistic_regression(strength):
    vectors, labels = make_features()
    weight, bias, fitted = logistic_regression(vectors, labels, 3, strength)
    theirs = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(vectors.double().numpy(), labels.numpy())
    assert "NOT" not in str(fitted)
    torch.testing.assert_close(weight, torch.from_numpy(theirs.coef_), atol=1e-4, rtol=1e-3)
    both = torch.stack([bias - bias.mean(), torch.from_numpy(theirs.intercept_ - theirs.intercept_.mean())])
    torch.testing.assert_close(both[0], both[1], atol=1e-3, rtol=1e-3)  # a constant in all biases changes no answer


def test_balanced_it_is_scikit_learns_balanced_one():
    """Labels 0, 1, 2 and then only 0: 24, 8 and 8 clips, and both divide by the same sums."""
    vectors, labels = make_features()
    labels[24:] = 0
    weights = balanced_weights(labels.tolist(), 3)
    weight, bias, fitted = logistic_regression(vectors, labels, 3, 1.0, weights)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000, class_weight="balanced")
    theirs.fit(vectors.double().numpy(), labels.numpy())
    assert "NOT" not in str(fitted)
    torch.testing.assert_close(weight, torch.from_numpy(theirs.coef_), atol=1e-4, rtol=1e-3)
    even, _, _ = logistic_regression(vectors, labels, 3, 1.0)
    assert (weight - even).abs().max() > 0.01
    chances = (vectors.double() @ weight.T + bias).softmax(1)
    losses = -weights[labels] * chances[torch.arange(40), labels].log()
    assert fitted.loss == pytest.approx(losses.mean().item(), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_weight_is_what_the_errors_pull_at(classes):
    """Where the derivative is zero: weight = strength * sum over clips of (label - probability) times vector.

    Two classes have a weight each, as the head has; of five only three have clips, and the others have no weight.
    """
    vectors, labels = make_features(classes=min(classes, 3))
    weight, bias, fitted = logistic_regression(vectors, labels, classes, 2.0)
    assert "NOT" not in str(fitted)
    wrong = torch.nn.functional.one_hot(labels, classes) - (vectors.double() @ weight.T + bias).softmax(1)
    torch.testing.assert_close(weight, 2.0 * wrong.T @ vectors.double(), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(wrong.sum(0), torch.zeros(classes).double(), atol=1e-4, rtol=0)
    assert (weight[3:].abs() < 1e-3).all()


def fit(network, batches, branches=("video", "audio"), strength=1.0):
    accelerator = Accelerator(cpu=True)
    return fit_heads(network, batches, accelerator, branches=list(branches), strength=strength, stopped=lambda: False)


@pytest.mark.parametrize("strength", [None, 1.0])
@pytest.mark.usefixtures("fresh_accelerator")
def test_heads_answer_as_the_classifier_of_their_own_embeddings(strength):
    """Seven clips of which two lack frames and one lacks audio: each head learns from those that have its modality."""
    network = tiny_network()
    batches = [make_batch([0.3, 0.2, 0.25, 0.0], video=[True, False, True, True]),
               make_batch([0.35, 0.3, 0.4], video=[True, True, False], seed=1)]
    batches[1] = batches[1]._replace(ids=torch.tensor([4, 5, 6]))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fitted = fit(network, batches, strength=strength)
    assert {name: outcome.clips for name, outcome in fitted.items()} == {"video": 5, "audio": 6}
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {f"{side}_head.classifier.{part}" for side in fitted for part in ("weight", "bias")}
    network.eval()
    with torch.no_grad():
        outputs = [network(batch) for batch in batches]
    for name in fitted:
        there = torch.cat([output.embedded.present[name] for output in outputs])
        vectors = torch.cat([output.embedded.vectors[name] for output in outputs])[there]
        labels = torch.cat([batch.labels for batch in batches])[there]
        if strength is None:
            speakers = torch.cat([batch.speakers for batch in batches])[there]
            weight, bias, _ = discriminant(vectors, labels, speakers, 3)
        else:
            weight, bias, _ = logistic_regression(vectors, labels, 3, strength)
        logits = torch.cat([getattr(output, f"{name}_logits") for output in outputs])[there]
        torch.testing.assert_close(logits, (vectors.double() @ weight.T + bias).float(), atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("fresh_accelerator")
def test_a_branch_that_is_not_named_keeps_its_head_and_one_without_clips_too():
    network = tiny_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert set(fit(network, [make_batch([0.0, 0.3, 0.2])], branches=["audio"])) == {"audio"}
    assert torch.equal(network.video_head.classifier.weight, before["video_head.classifier.weight"])
    assert fit(network, [make_batch([0.2, 0.3], video=[False, False])], branches=["video"]) == {}
    assert torch.equal(network.video_head.classifier.weight, before["video_head.classifier.weight"])


@pytest.mark.usefixtures("fresh_accelerator")
def test_speaker_norms_are_told_of_all_clips_and_the_head_sees_what_they_make():
    network = tiny_network(speaker_norm=True)
    for norm in network.norms.values():
        norm.remember(torch.tensor([2, 2]))
    batch = make_batch([0.3, 0.2, 0.25, 0.4])  # speakers 0, 1, 0, 1
    fit(network, [batch], branches=["audio"])
    norm = network.norms["audio"]
    assert norm.memory.sums[:, 0].tolist() == [2, 2]
    with torch.no_grad():
        vectors = network.eval()(batch).embedded.vectors["audio"]
    torch.testing.assert_close(norm.memory.sums[1, 1:1 + vectors.shape[1]], (vectors[1] + vectors[3]).double())
    torch.testing.assert_close(norm.population[1:1 + vectors.shape[1]], vectors.mean(0).double())
    weight, *_ = logistic_regression(norm.by(vectors, norm.memory.sums[batch.speakers]), batch.labels, 3, 1.0)
    torch.testing.assert_close(network.audio_head.classifier.weight.detach(), weight.float(), atol=1e-5, rtol=1e-4)
    assert network.norms["video"].memory.sums.sum() == 0


@pytest.mark.usefixtures("fresh_accelerator")
def test_a_signal_on_the_way_leaves_the_heads_alone_and_stays_asked():
    network, accelerator = tiny_network(), Accelerator(cpu=True)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    accelerator.set_trigger()
    assert fit_heads(network, [make_batch([0.2, 0.3])], accelerator, branches=["audio"], strength=1.0,
                     stopped=lambda: True) == {}
    assert accelerator.check_trigger()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())

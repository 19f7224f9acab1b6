import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vaer.models.layers.speaker_norm import FLOOR, SpeakerNorm

ALL = torch.tensor([True, True, True])


def sums(norm, values, speakers=None, counted=None, num_speakers=1):
    """Of one-dimensional embeddings."""
    values = torch.tensor(values)[:, None]
    speakers = torch.zeros(len(values), dtype=torch.int64) if speakers is None else torch.tensor(speakers)
    counted = torch.ones(len(values)) if counted is None else torch.tensor(counted)
    return norm.sums_of(values, speakers, counted, num_speakers)


def test_a_speaker_with_two_clips_by_hand():
    """2 and 4 beside four clips of a population with mean 0, mean square 1: mean 6 / 6, square 24 / 6, variance 3."""
    norm = SpeakerNorm(dim=1)
    normed = norm.by(torch.tensor([[4.0]]), sums(norm, [2.0, 4.0]))
    assert normed.item() == pytest.approx(3 / (3 + FLOOR) ** 0.5)


def test_a_speaker_with_one_clip_or_none_leans_on_the_population():
    norm = SpeakerNorm(dim=1)
    # 3 beside the same four: mean 3 / 5, square 13 / 5, variance 2.6 - 0.36
    assert norm.by(torch.tensor([[3.0]]), sums(norm, [3.0])).item() == pytest.approx(2.4 / (2.24 + FLOOR) ** 0.5)
    assert norm.by(torch.tensor([[3.0]]), torch.zeros(1, 3)).item() == pytest.approx(3 / (1 + FLOOR) ** 0.5)


def test_sums_are_of_each_speaker_as_far_as_rows_count():
    found = sums(SpeakerNorm(dim=1), [1.0, 2.0, 5.0, 4.0], [0, 2, 0, 0], [1.0, 1.0, 0.0, 0.5], num_speakers=3)
    assert found.tolist() == [[1.5, 3.0, 9.0], [0, 0, 0], [1, 2, 4]]


def test_the_memory_is_every_clip_of_an_epoch_then_the_older_ones_fade():
    norm = SpeakerNorm(dim=1)
    norm.remember(torch.tensor([3, 9]))
    for values in ([1.0], [2.0, 3.0]):
        norm.learn(sums(norm, values, num_speakers=2))
    assert norm.memory.sums.tolist() == [[3, 6, 14], [0, 0, 0]]
    norm.learn(sums(norm, [6.0], num_speakers=2))  # two of three stay: 2/3 of what was there, and the new one
    torch.testing.assert_close(norm.memory.sums[0], torch.tensor([3, 4 + 6, 28 / 3 + 36], dtype=torch.float64))
    torch.testing.assert_close(norm.population, norm.memory.sums[0] / 3)
    norm.learn(sums(norm, [1.0] * 4, num_speakers=2))  # more than an epoch has
    assert norm.memory.sums[0].tolist() == [4, 4, 4]


def test_a_step_normalises_by_the_steps_before_and_counts_what_is_present():
    norm = SpeakerNorm(dim=1).train()
    norm.remember(torch.tensor([4, 4]))
    norm.learn(sums(norm, [2.0, 4.0], [0, 1], num_speakers=2))
    before, population = norm.memory.sums.clone(), norm.population.clone()
    values, speakers = torch.tensor([[1.0], [5.0], [7.0]]), torch.tensor([1, 0, 1])
    normed = norm(values, speakers, torch.tensor([True, True, False]))
    torch.testing.assert_close(normed, norm.by(values, before[speakers]))
    assert torch.equal(norm.population, population)
    assert norm.memory.step.tolist() == [[1, 5, 25], [1, 1, 1]]
    norm.learn(norm.memory.step)
    assert norm.memory.sums[:, 0].tolist() == [2, 2]
    assert norm.memory.step.abs().sum() == 0


def test_a_gradient_flows_to_the_embedding_and_not_through_the_statistics():
    norm = SpeakerNorm(dim=2).train()
    norm.remember(torch.tensor([3]))
    values = torch.tensor([[1.0, 2.0], [4.0, 3.0], [0.0, 1.0]], requires_grad=True)
    speakers = torch.zeros(3, dtype=torch.int64)
    norm(values, speakers, ALL)
    norm.learn(norm.memory.step)
    normed = norm(values, speakers, ALL)
    normed.sum().backward()
    deviation = (values[0] - values[1]).detach() / (normed[0] - normed[1]).detach()
    torch.testing.assert_close(values.grad, (1 / deviation).expand(3, 2))
    assert not norm.memory.sums.requires_grad


def test_evaluation_knows_no_speaker_and_leaves_the_memory_alone():
    norm = SpeakerNorm(dim=1)
    norm.remember(torch.tensor([2, 2]))
    norm.learn(sums(norm, [2.0, 5.0], [0, 1], num_speakers=2))
    norm.eval()
    values = torch.tensor([[3.0], [3.0], [1.0]])
    normed = norm(values, torch.tensor([0, 1, 7]), ALL)
    assert normed[0] == normed[1]
    assert norm.memory.step.abs().sum() == 0


def test_the_memory_comes_back():
    one, other = SpeakerNorm(dim=1), SpeakerNorm(dim=1)
    for norm in (one, other):
        norm.remember(torch.tensor([2, 2]))
    one.learn(sums(one, [2.0, 5.0, 5.0], [0, 1, 1], num_speakers=2))
    other.memory.load_state_dict(one.memory.state_dict())
    assert torch.equal(one.memory.sums, other.memory.sums)


def test_an_unseen_speaker_is_understood_better():
    """Three classes, speakers that lie further apart than the classes do; ten train, five others are tested."""
    generator = torch.Generator().manual_seed(0)
    classes = 2 * torch.eye(3, 6)
    places = 4 * torch.randn(15, 6, generator=generator)
    labels, speakers = torch.arange(450) % 3, torch.arange(450) // 30
    values = classes[labels] + places[speakers] + torch.randn(450, 6, generator=generator)
    here = speakers < 10
    norm, told, untold = SpeakerNorm(dim=6).train(), nn.Linear(6, 3), nn.Linear(6, 3)
    norm.remember(torch.full((10,), 30))
    optimizer = torch.optim.Adam([*told.parameters(), *untold.parameters()], lr=0.05)
    for _ in range(100):
        normed = norm(values[here], speakers[here], torch.ones(300))
        loss = F.cross_entropy(told(normed), labels[here]) + F.cross_entropy(untold(values[here]), labels[here])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        norm.learn(norm.memory.step)
    known = norm.sums_of(values[~here], speakers[~here], torch.ones(150), 15)
    right = [(logits.argmax(1) == labels[~here]).float().mean()
             for logits in (told(norm.by(values[~here], known[speakers[~here]])), untold(values[~here]))]
    assert right[0] > right[1] + 0.1

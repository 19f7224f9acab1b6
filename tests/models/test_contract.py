"""What holds for the whole network with every kind of branch and of fusion; a new key of a table needs no line here."""

from itertools import product

import pytest
import torch
from hf_makers import make_settings
from makers import make_batch, tiny_audio, tiny_network, tiny_video

from vaer.config import AudioConfig, FusionConfig
from vaer.models.audio import AUDIO_BRANCHES
from vaer.models.fusion import FUSIONS
from vaer.models.video import VIDEO_BRANCHES

KINDS = list(product(sorted(VIDEO_BRANCHES), sorted(AUDIO_BRANCHES), sorted(FUSIONS)))
BATCH = make_batch([0.9, 0.03, 0.0, 0.4], video=[True, True, True, False])
"""A clip of both, a short one, one without audio, one without frames."""


def tiny_speech(kind):
    """A small audio branch; that of transformers is as its checkpoint says."""
    if kind == "transformers":
        return AudioConfig(kind=kind, architecture=make_settings("hubert", num_hidden_layers=1).to_dict())
    return tiny_audio(kind=kind)


@pytest.fixture(scope="module", params=KINDS, ids=" ".join)
def made(request):
    """A network of three kinds, and another one of the same settings and other weights."""
    video, audio, fusion = request.param
    parts = {"video": tiny_video(kind=video), "audio": tiny_speech(audio), "fusion": FusionConfig(kind=fusion, dim=16,
                                                                                                heads=2)}
    network, other = tiny_network(**parts), tiny_network(**parts)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    return network, other


def one_row(row):
    """A row of the batch alone, with no more padding than it needs."""
    alone = type(BATCH)(*(part[row:row + 1] for part in BATCH))
    return alone._replace(waveform=alone.waveform[:, :max(1, int(alone.num_samples[0]))])


def test_every_row_has_finite_answers_and_no_other_row_changes_them(made):
    network = made[0].eval()
    with torch.no_grad():
        output = network(BATCH)
        alone = [network(one_row(row)) for row in range(4)]  # batches of one
    for logits in (output.logits, output.video_logits, output.audio_logits):
        assert logits.shape == (4, 3)
        assert torch.isfinite(logits).all()
    assert (output.video_logits[3] == 0).all()
    assert (output.audio_logits[2] == 0).all()
    for row, single in enumerate(alone):
        difference = (single.logits[0] - output.logits[row]).abs().max() / output.logits[row].abs().max()
        assert difference < 1e-4, row


def test_a_gradient_reaches_every_parameter_whatever_is_missing(made):
    network = made[0].train()
    for batch in (BATCH, make_batch([0.5, 0.8], video=[False, False]), make_batch([0.0, 0.0])):
        network.zero_grad()
        output = network(batch)
        sum(part.square().sum() for part in (output.logits, output.video_logits, output.audio_logits)).backward()
        learning = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.requires_grad}
        assert learning
        assert [name for name, grad in learning.items() if grad is None or not torch.isfinite(grad).all()] == []


def test_a_modality_that_is_missing_cannot_change_an_answer(made):
    """Whatever frames and samples hold where a clip has none."""
    network = made[0].eval()
    noisy = BATCH._replace(frames=BATCH.frames.clone(), waveform=BATCH.waveform.clone())
    noisy.frames[3] = 77
    noisy.waveform[2] = 0.3
    with torch.no_grad():
        torch.testing.assert_close(network(noisy).logits, network(BATCH).logits, rtol=1e-4, atol=1e-6)


def test_its_state_makes_another_network_of_its_settings_the_same(made):
    network, other = made[0].eval(), made[1].eval()
    assert other.settings == network.settings
    with torch.no_grad():
        before = network(BATCH).logits
        assert not torch.allclose(other(BATCH).logits, before)
        other.load_state_dict(network.state_dict())
        assert torch.equal(other(BATCH).logits, before)

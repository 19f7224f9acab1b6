import json

import pytest
import torch
from makers import make_batch, tiny_network, tiny_video

from vaer.config import AudioConfig, FusionConfig, VideoConfig
from vaer.models.fusion import FUSIONS
from vaer.models.network import VAER
from vaer.models.video import VIDEO_BRANCHES

TINY_VIDEO = {"preset": "tiny", "width": 8, "dropout": 0.0}
TINY_AUDIO = {"preset": "tiny", "dim": 16, "heads": 2, "layers": 1}
COMBINATIONS = {
    **{f"{pathways} {kind}": {"video": VideoConfig(**TINY_VIDEO, pathways=pathways),
                              "fusion": FusionConfig(kind=kind, dim=16, heads=2, layers=2)}
       for pathways in ("both", "slow", "fast") for kind in sorted(FUSIONS)},
    **{f"video {kind}": {"video": tiny_video(kind=kind)} for kind in sorted(VIDEO_BRANCHES)},
    "audio off": {"audio": AudioConfig(enabled=False, **TINY_AUDIO)},
    "video off": {"video": VideoConfig(enabled=False, **TINY_VIDEO)},
    "video frozen": {"video": VideoConfig(**TINY_VIDEO, freeze=True)},
    "audio frozen": {"audio": AudioConfig(**TINY_AUDIO, freeze=True)},
    "extractor frozen": {"audio": AudioConfig(**TINY_AUDIO, freeze_extractor=True)},
    "convolutions": {"audio": AudioConfig(**TINY_AUDIO, extractor="convolutions")},
    "checkpointing": {"video": VideoConfig(**TINY_VIDEO, gradient_checkpointing=True),
                      "audio": AudioConfig(**TINY_AUDIO, gradient_checkpointing=True)},
    "speaker norm": {"speaker_norm": True},
    "heads added": {"fusion": FusionConfig(dim=16, heads=2, layers=1, add_heads=True)},
    "heads added, speaker norm": {"speaker_norm": True, "fusion": FusionConfig(dim=16, heads=2, layers=1,
                                                                               add_heads=True)},
    "statistics frozen": {"video": VideoConfig(**TINY_VIDEO, freeze_batchnorm=True)},
}
BATCHES = {"whole": ([0.5, 0.8], [True, True]), "one of each": ([0.5, 0.0], [False, True]),
           "no video": ([0.5, 0.8], [False, False]), "no audio": ([0.0, 0.0], [True, True])}


def total(output):
    return sum(part.square().sum() for part in (output.logits, output.video_logits, output.audio_logits)
               if part is not None)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("combination", COMBINATIONS)
def test_a_gradient_reaches_every_parameter_that_wants_one(combination, batch):
    network = tiny_network(**COMBINATIONS[combination]).train()
    total(network(make_batch(BATCHES[batch][0], video=BATCHES[batch][1]))).backward()
    learning = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert learning
    assert [name for name, grad in learning.items() if grad is None] == []
    assert all(torch.isfinite(grad).all() for grad in learning.values())


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_with_everything_present_no_gradient_is_zero(combination):
    network = tiny_network(**COMBINATIONS[combination]).train()
    for module in network.modules():  # residuals that start at zero keep gradients from what stands before them
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            torch.nn.init.ones_(module.weight)
    if network.audio is not None:
        torch.nn.init.normal_(network.audio.mix.weights)
    total(network(make_batch([0.5, 0.8, 0.7]))).backward()
    silent = [name for name, parameter in network.named_parameters()
              if parameter.requires_grad and not parameter.grad.abs().sum() > 0]
    # softmax does not see what adds the same to every key
    assert [name for name in silent if not name.endswith("k_proj.bias")] == []


@pytest.mark.parametrize("combination", [*(f"both {kind}" for kind in sorted(FUSIONS)), "slow concat", "fast mean",
                                         "video timm", "convolutions", "speaker norm"])
def test_a_row_does_not_know_its_neighbours(combination):
    network = tiny_network(**COMBINATIONS[combination]).eval()
    batch = make_batch([0.9, 0.03, 0.0, 0.4], video=[True, True, True, False])
    together = network(batch).logits
    for row in range(4):
        samples = int(batch.num_samples[row])
        alone = type(batch)(*(part[row:row + 1] for part in batch))
        alone = alone._replace(waveform=alone.waveform[:, :max(1, samples)])
        difference = (network(alone).logits[0] - together[row]).abs().max() / together[row].abs().max()
        assert difference < 1e-4


def test_batch_norm_learns_from_the_rows_that_have_pictures():
    batch = make_batch([0.5, 0.5, 0.5], video=[True, False, True])
    mixed, whole = tiny_network().train(), tiny_network().train()
    mixed(batch)
    whole(type(batch)(*(part[[0, 2]] for part in batch)))
    for one, other in zip(mixed.buffers(), whole.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_batch_norm_is_left_alone_where_no_row_has_pictures():
    network = tiny_network().train()
    before = [buffer.clone() for buffer in network.buffers()]
    output = network(make_batch([0.5, 0.5], video=[False, False]))
    assert all(torch.equal(one, other) for one, other in zip(before, network.buffers(), strict=True))
    assert output.video_logits.abs().max() == 0
    assert network.video.training
    assert any(module.training for module in network.modules() if isinstance(module, torch.nn.BatchNorm3d))


def test_one_branch_alone_answers_with_its_head():
    network = tiny_network(audio=AudioConfig(enabled=False, **TINY_AUDIO)).eval()
    output = network(make_batch([0.5, 0.5])._replace(waveform=None))
    assert network.audio is None
    assert network.fusion is None
    assert torch.equal(output.logits, output.video_logits)
    assert output.audio_logits is None


@pytest.mark.parametrize("combination", [*(f"both {kind}" for kind in sorted(FUSIONS)), "audio off"])
def test_what_was_embedded_is_answered_as_before(combination):
    network = tiny_network(**COMBINATIONS[combination]).eval()
    output = network(make_batch([0.5, 0.0, 0.0], video=[True, True, False]))
    assert torch.equal(network.classify(output.embedded, {}), output.logits)


@pytest.mark.parametrize("kind", sorted(set(FUSIONS) - {"mean"}))
def test_added_heads_join_the_fused_answer_where_they_have_one(kind):
    network = tiny_network(fusion=FusionConfig(kind=kind, dim=16, heads=2, add_heads=True)).eval()
    batch = make_batch([0.5, 0.0], video=[True, True])
    output = network(batch)
    network.add_heads = False
    torch.testing.assert_close(output.logits, network(batch).logits + output.video_logits + output.audio_logits)
    assert (output.audio_logits[1] == 0).all()


@pytest.mark.parametrize("kind", sorted(set(FUSIONS) - {"mean"}))
def test_with_added_heads_and_speaker_norm_a_modality_alone_is_answered_by_its_head(kind):
    network = tiny_network(speaker_norm=True, fusion=FusionConfig(kind=kind, dim=16, heads=2, add_heads=True)).eval()
    batch = make_batch([0.5, 0.0, 0.5], video=[True, True, False])
    output = network(batch)
    assert output.embedded.present["fused"].tolist() == [True, False, False]
    assert torch.equal(output.logits[1], output.video_logits[1])
    assert torch.equal(output.logits[2], output.audio_logits[2])
    assert torch.equal(network.classify(output.embedded, _sums(network, output)), output.logits)
    network.add_heads = False
    fused = network(batch)
    assert fused.embedded.present["fused"].tolist() == [True, True, True]
    torch.testing.assert_close(output.logits[0], (fused.logits + output.video_logits + output.audio_logits)[0])


@pytest.mark.parametrize(("add_heads", "counted"), [(True, 1), (False, 3)])
def test_what_is_known_of_fused_vectors_comes_from_clips_whose_fused_vector_counts(add_heads, counted):
    network = tiny_network(speaker_norm=True, fusion=FusionConfig(dim=16, heads=2, add_heads=add_heads)).train()
    for norm in network.norms.values():
        norm.remember(torch.tensor([9]))
    network(make_batch([0.5, 0.0, 0.5], video=[True, True, False])._replace(speakers=torch.zeros(3, dtype=torch.long)))
    assert {name: norm.memory.step[0, 0].item() for name, norm in network.norms.items()} == {
        "video": 2, "audio": 2, "fused": counted}


def _sums(network, output):
    """Of speakers of whom nothing is known."""
    return {name: norm.population.new_zeros(len(output.logits), len(norm.population))
            for name, norm in network.norms.items()}


def test_two_evaluations_agree():
    network, batch = tiny_network().eval(), make_batch([0.5, 0.8])
    assert torch.equal(network(batch).logits, network(batch).logits)


@pytest.mark.parametrize("combination", [*(f"both {kind}" for kind in sorted(FUSIONS)),
                                         *(f"video {kind}" for kind in sorted(VIDEO_BRANCHES))])
def test_a_saved_network_comes_back_whole(tmp_path, combination):
    network, batch = tiny_network(**COMBINATIONS[combination]).eval(), make_batch([0.5, 0.8])
    network.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())["settings"]
    assert settings["classes"] == ["class0", "class1", "class2"]
    assert settings["clip"]["num_frames"] == 8
    again = VAER.from_pretrained(tmp_path).eval()
    assert again.settings == network.settings
    assert torch.equal(again(batch).logits, network(batch).logits)


def test_a_network_with_speaker_norm_comes_back_with_its_population_and_one_older_than_that_without(tmp_path):
    network = tiny_network(speaker_norm=True).eval()
    assert set(network.norms) == {"video", "audio", "fused"}
    network.norms["fused"].population.fill_(0.5)
    network.save_pretrained(tmp_path)
    assert (VAER.from_pretrained(tmp_path).norms["fused"].population == 0.5).all()
    settings = tiny_network().settings
    del settings["model"]["speaker_norm"]
    assert not VAER(settings=settings).norms


@pytest.mark.parametrize(("combination", "names"), [("both mean", {"video", "audio"}), ("audio off", {"video"})])
def test_whatever_has_a_classifier_has_a_speaker_norm(combination, names):
    assert set(tiny_network(**COMBINATIONS[combination], speaker_norm=True).norms) == names


def test_attention_is_kept_where_it_is_asked_for():
    network, batch = tiny_network().eval(), make_batch([0.5, 0.8])
    assert network(batch).attention is None
    assert network(batch, attention=True).attention.shape[:3] == (2, 2, 8)  # clips, heads, frames



import pytest
import torch
from hf_makers import KINDS, make_encoder, make_kind, small_builder

from vaer.config import AudioConfig
from vaer.models.audio.encoders import BUILDERS
from vaer.models.audio.wav2vec import Wav2Vec
from vaer.presets import AUDIO_PRESETS
from vaer.weights.fit import facts_of, fitting_presets
from vaer.weights.huggingface import facts_of_settings, to_torchaudio

FULL_SIZE = {"base": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072),
             "large": dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)}
COMMON = dict(conv_dim=[512] * 7, num_conv_pos_embeddings=128, num_conv_pos_embedding_groups=16)
RELATIVE = dict(num_buckets=320, max_bucket_distance=800)


def full_size(preset):
    size = FULL_SIZE["base" if preset.endswith("base") else "large"] | COMMON
    return make_kind(preset, **size | (RELATIVE if preset.startswith("wavlm") else {}))


def branch_of(preset):
    return Wav2Vec(config=AudioConfig(preset=preset, **AUDIO_PRESETS[preset] | {"normalize": False})).eval()


def load(branch, network):
    """Every tensor of the encoder into the branch; returns what was left."""
    tensors, left = to_torchaudio(network.state_dict(), network.config.model_type)
    odd = branch.load_state_dict(tensors, strict=False)
    assert (odd.missing_keys, odd.unexpected_keys) == (["mix.weights"], [])
    return left


@torch.no_grad()
def check_every_layer(branch, network, seconds):
    """Each hidden layer of ours against transformers', on clips without padding."""
    torch.manual_seed(1)
    waveform = 0.5 * torch.randn(2, round(seconds * 16000))
    features, lengths = branch.feature_extractor(waveform, torch.full((2,), waveform.shape[1]))
    ours = branch._encode(features, torch.ones(2, int(lengths[0]), dtype=torch.bool))
    output = network(waveform, output_hidden_states=True)
    theirs = [*output.hidden_states[:-1], output.last_hidden_state]  # large ones collect the last before the final norm
    assert len(ours) == len(theirs) == len(branch.mix.weights)
    for number, (layer, expected) in enumerate(zip(ours, theirs, strict=True)):
        error = (layer - expected).abs().max() / expected.abs().max()
        assert error < 1e-4, f"layer {number}: {error:.1e}"
    assert (ours[-1] - ours[0]).abs().max() > 0.1  # the layers did something


@pytest.mark.parametrize("preset", KINDS)
def test_every_layer_is_that_of_transformers(monkeypatch, preset):
    settings = make_kind(preset)
    monkeypatch.setitem(BUILDERS, preset, small_builder(settings))
    branch, network = branch_of(preset), make_encoder(settings)
    assert load(branch, network) == {"masked_spec_embed": "stands for masked stretches, of which there are none here"}
    check_every_layer(branch, network, seconds=1)


@pytest.mark.parametrize("preset", [preset if preset.endswith("base") else pytest.param(preset, marks=pytest.mark.slow)
                                    for preset in KINDS])
def test_every_layer_is_that_of_transformers_in_full_size(preset):
    settings = full_size(preset)
    branch, network = branch_of(preset), make_encoder(settings)
    load(branch, network)
    check_every_layer(branch, network, seconds=1)


@pytest.mark.parametrize("preset", KINDS)
def test_padding_changes_nothing_after_loading(monkeypatch, preset):
    settings = make_kind(preset)
    monkeypatch.setitem(BUILDERS, preset, small_builder(settings))
    branch = branch_of(preset)
    load(branch, make_encoder(settings))
    waveform, num_samples = torch.randn(3, 9000), torch.tensor([9000, 4000, 300])
    together = branch(waveform, num_samples)
    for row, length in enumerate(num_samples.tolist()):
        alone = branch(waveform[row:row + 1, :length], num_samples[row:row + 1]).values[0]
        real = together.values[row, together.mask[row]]
        assert (real - alone).abs().max() / alone.abs().max() < 1e-4


@pytest.mark.parametrize("preset", KINDS)
def test_full_size_settings_are_those_of_the_preset(preset):
    assert facts_of_settings(full_size(preset).to_dict()) == facts_of(AudioConfig(preset=preset,
                                                                                   **AUDIO_PRESETS[preset]))
    family = KINDS[preset][0]
    if preset == f"{family}_base":  # what an old config.json leaves out is as in the base network
        assert facts_of_settings({"model_type": family}) == facts_of_settings(full_size(preset).to_dict())


@pytest.mark.parametrize(("head", "left"), [
    ("AutoModelForCTC", {"lm_head.weight": "task head", "lm_head.bias": "task head"}),
    ("AutoModelForAudioClassification", {f"{part}.{kind}": "task head" for part in ("classifier", "projector")
                                         for kind in ("weight", "bias")}),
    ("AutoModelForAudioXVector", None), ("AutoModelForPreTraining", None)])
def test_heads_are_left_and_named(monkeypatch, head, left):
    settings = make_kind("wav2vec2_base", tdnn_dim=[8] * 5, xvector_output_dim=8)
    monkeypatch.setitem(BUILDERS, "wav2vec2_base", small_builder(settings))
    branch, network = branch_of("wav2vec2_base"), make_encoder(settings, head)
    found = load(branch, network)
    assert found.pop("wav2vec2.masked_spec_embed").startswith("stands for masked stretches")
    if left is not None:
        assert found == left
    beside = {name for name, module in network.named_children() if any(True for _ in module.parameters())}
    assert {name.split(".")[0] for name in found} == beside - {"wav2vec2"}
    assert set(found.values()) == {"served pretraining" if "PreTraining" in head else "task head"}
    check_every_layer(branch, network.wav2vec2, seconds=0.5)


def test_what_no_one_knows_is_handed_on_to_be_refused():
    tensors = {"wav2vec2.encoder.layers.0.adapter_layer.norm.weight": torch.ones(1), "wav2vec2.odd": torch.ones(1),
               "wav2vec2.adapter.layers.0.conv.weight": torch.ones(1)}
    found, left = to_torchaudio(tensors, "wav2vec2")
    assert set(found) == {"encoder.transformer.layers.0.adapter_layer.norm.weight", "odd"}
    assert left == {"wav2vec2.adapter.layers.0.conv.weight": "adapter behind the encoder"}


@pytest.mark.parametrize(("name", "value"), [("hidden_act", "relu"), ("layer_norm_eps", 1e-3), ("adapter_attn_dim", 16),
                                             ("feat_proj_layer_norm", False), ("conv_pos_batch_norm", True)])
def test_settings_that_torchaudio_has_not_fit_no_preset(name, value):
    usual = facts_of_settings({"model_type": "hubert"})
    other = facts_of_settings({"model_type": "hubert", name: value})
    assert {entry for entry in usual if usual[entry] != other[entry]} == {name}


def test_lists_of_unequal_length_fit_no_preset():
    uneven = facts_of_settings({"model_type": "hubert", "conv_stride": [5, 2]})
    assert uneven["extractor_conv_layer_config"] == [(512, 10, 5), (512, 3, 2)]
    assert fitting_presets(uneven, "hubert") == []

import argparse
import json
import sys

import pytest
import torch
from hf_makers import KINDS, SMALL_ENCODERS, make_encoder, make_kind, make_settings, small_builder

from vaer.config import AudioConfig, Config, ModelConfig, resolve
from vaer.errors import UserError
from vaer.models.audio import AUDIO_BRANCHES
from vaer.models.audio.encoders import BUILDERS, BUNDLES
from vaer.weights.decide import decide
from vaer.weights.records import Weights
from vaer.weights.speech import describe_speech, read_speech

OLD_NAMES = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


def save(network, folder, spelling):
    """A folder as transformers writes it, as it was written years ago, in parts, or as a trainer wraps a network."""
    network.save_pretrained(folder, **{"max_shard_size": "20KB"} if spelling == "parts" else {})
    if spelling == "old":
        (folder / "model.safetensors").unlink()
        tensors = network.state_dict()
        for new, old in OLD_NAMES.items():
            tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
        torch.save(tensors, folder / "pytorch_model.bin")
    if spelling == "trainer":
        (folder / "model.safetensors").unlink()
        tensors = {f"module._orig_mod.net.{name}": tensor for name, tensor in network.state_dict().items()}
        torch.save({"state_dict": tensors | {"criterion.weight": torch.ones(2)}, "args": argparse.Namespace(lr=0.1)},
                   folder / "pytorch_model.bin")
    assert (folder / "model.safetensors.index.json").exists() == (spelling == "parts")
    return folder


def resolved(source, **audio):
    return resolve(decide(Config(model=ModelConfig(audio=AudioConfig(pretrained=str(source), **audio))))).model.audio


def load(source, **audio):
    """The branch of these settings with what `source` holds, every tensor accounted for, and the weights."""
    config = resolved(source, **audio)
    weights = read_speech(str(source), config)
    branch = AUDIO_BRANCHES[config.kind](config=config).eval()
    odd = branch.load_state_dict(weights.tensors, strict=False)
    assert (odd.missing_keys, odd.unexpected_keys) == ([] if config.layers_joined else ["mix.weights"], [])
    return branch, weights


@torch.no_grad()
def check_mix(branch, network, seconds=1.0):
    """The even mix of all layers against the mean of what transformers gives."""
    torch.manual_seed(1)
    waveform = torch.randn(2, round(seconds * 16000))
    output = network(waveform, output_hidden_states=True)
    theirs = list(output.hidden_states)
    if theirs[-1].shape == output.last_hidden_state.shape:  # SEW's last state is drawn out to twice the length
        theirs[-1] = output.last_hidden_state
    expected = torch.stack(theirs).mean(0)
    ours = branch(waveform, torch.full((2,), waveform.shape[1])).values
    assert (ours - expected).abs().max() / expected.abs().max() < 1e-4


@pytest.mark.parametrize("spelling", ["new", "old", "parts", "trainer"])
@pytest.mark.parametrize("preset", ["wav2vec2_large_lv60k", "hubert_base", "wavlm_large"])
def test_a_folder_is_read_without_transformers(monkeypatch, tmp_path, preset, spelling):
    settings = make_kind(preset)
    network = make_encoder(settings, "AutoModelForCTC")
    save(network, tmp_path, spelling)
    monkeypatch.setitem(BUILDERS, preset, small_builder(settings))
    monkeypatch.setitem(sys.modules, "transformers", None)
    branch, weights = load(tmp_path, preset=preset, normalize=False)
    assert {"lm_head.weight", "lm_head.bias"} <= set(weights.left)
    assert weights.about == f"Hugging Face checkpoint of {KINDS[preset][0]} ({type(network).__name__})"
    assert weights.settings == {"model.audio.preset": preset, "model.audio.kind": "wav2vec"}
    check_mix(branch, network.base_model)


@pytest.mark.parametrize("family", sorted(SMALL_ENCODERS))
def test_every_encoder_is_read_into_transformers(tmp_path, family):
    network = make_encoder(make_settings(family), seed=3)
    save(network, tmp_path, "new")
    branch, weights = load(tmp_path, kind="transformers", normalize=False)
    assert weights.settings == {"model.audio.kind": "transformers"}
    if family == "moonshine":
        assert {name.split(".")[0] for name in weights.left} == {"decoder"}
    check_mix(branch, network.get_encoder() if family == "moonshine" else network)


@pytest.mark.parametrize(("family", "head", "spelling"), [
    ("moonshine", "AutoModelForSpeechSeq2Seq", "old"), ("sew", "AutoModelForCTC", "trainer"),
    ("moonshine", "AutoModelForSpeechSeq2Seq", "trainer"),
    ("data2vec-audio", "AutoModelForAudioClassification", "parts"), ("unispeech-sat", "AutoModelForCTC", "old")])
def test_heads_beside_an_encoder_are_left(tmp_path, family, head, spelling):
    network = make_encoder(make_settings(family), head)
    save(network, tmp_path, spelling)
    branch, weights = load(tmp_path, kind="transformers", normalize=False)
    assert len(weights.left) + len(weights.tensors) >= len(network.state_dict())
    inner = network.base_model
    check_mix(branch, inner.get_encoder() if family == "moonshine" else inner)


def test_the_checkpoint_says_how_waveforms_are_prepared(monkeypatch, tmp_path):
    settings = make_kind("wav2vec2_base")
    save(make_encoder(settings), tmp_path, "new")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))
    monkeypatch.setitem(BUILDERS, "wav2vec2_base", small_builder(settings))
    branch, weights = load(tmp_path, preset="wav2vec2_base")
    assert branch.normalize
    assert weights.about.endswith("(Wav2Vec2Model), for waveforms of mean 0 and variance 1")
    assert weights.settings["model.audio.normalize"] is True
    branch, weights = load(tmp_path, preset="wav2vec2_base", normalize=False)
    assert not branch.normalize
    assert weights.about.endswith("; this run differs: --model.audio.normalize False")


def test_the_wrong_preset_is_refused_with_the_right_one(monkeypatch, tmp_path):
    settings = make_kind("wavlm_base")
    save(make_encoder(settings), tmp_path, "new")
    with pytest.raises(UserError, match=r"fits no preset \(next to .*_base, .*; run it by --model.audio.kind transf"):
        read_speech(str(tmp_path), resolved(tmp_path, preset="wavlm_base"))
    monkeypatch.setitem(BUILDERS, "wavlm_base", small_builder(settings))
    with pytest.raises(UserError, match=r"does not fit --model.audio.preset hubert_base; set --model.audio.preset wa"):
        read_speech(str(tmp_path), resolved(tmp_path, preset="hubert_base"))


def test_other_families_are_sent_where_they_belong(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "moonshine"}))
    with pytest.raises(UserError, match=r"is a checkpoint of moonshine, .*; run it by --model.audio.kind transformers"):
        read_speech(str(tmp_path), resolved(tmp_path, preset="wav2vec2_base"))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "whisper"}))
    with pytest.raises(UserError, match=r"is a checkpoint of whisper, .*; choose one of data2vec-audio, hubert, moon"):
        read_speech(str(tmp_path), resolved(tmp_path, preset="wav2vec2_base"))
    with pytest.raises(UserError, match=r"whisper is no encoder that hears the waveform itself"):
        read_speech(str(tmp_path), resolved(tmp_path, kind="transformers"))


@pytest.mark.parametrize(("source", "message"), [
    ("WAVLM_BASE_PLSU", r"WAVLM_BASE_PLSU: does not exist; .* did you mean WAVLM_BASE_PLUS\?"),
    ("wavlm-large", r"or a torchaudio bundle; did you mean WAVLM_LARGE\?"),
    ("nothing.pth", r"does not exist; .*of a torchaudio bundle: HUBERT_ASR_LARGE, .*WAV2VEC2_BASE"),
    (".", r"\.: has no config.json that names a network; --model.audio.pretrained wants")])
def test_what_is_nothing_of_the_kind_is_told_what_is_wanted(monkeypatch, tmp_path, source, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        read_speech(source, resolved(source))


def test_a_bundle_is_not_for_transformers(tmp_path):
    config = AudioConfig(kind="transformers", architecture={"model_type": "sew"}, normalize=False)
    with pytest.raises(UserError, match=r"WAVLM_BASE: is a torchaudio bundle.*set --model.audio.kind wav2vec"):
        read_speech("WAVLM_BASE", config)


def test_a_bundle_by_name_says_where_the_run_differs(monkeypatch):
    monkeypatch.setattr("vaer.weights.speech.read_bundle", lambda name, config: Weights(
        {}, {}, f"bundle {name}", {"model.audio.normalize": False}))
    assert "HUBERT_BASE" in BUNDLES
    assert read_speech("HUBERT_BASE", resolved("HUBERT_BASE", preset="hubert_base")).about == "bundle HUBERT_BASE"
    about = read_speech("HUBERT_BASE", resolved("HUBERT_BASE", preset="hubert_base", normalize=True)).about
    assert about == "bundle HUBERT_BASE; this run differs: --model.audio.normalize True"


def test_a_hub_name_is_fetched_and_read(monkeypatch, tmp_path):
    save(make_encoder(make_settings("moonshine")), tmp_path, "new")
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download",
                        lambda name, allow_patterns: asked.append(name) or str(tmp_path))
    branch, weights = load("usefulsensors/moonshine", kind="transformers")
    assert not branch.normalize
    assert weights.about == "Hugging Face checkpoint of moonshine (MoonshineModel)"
    assert set(asked) == {"usefulsensors/moonshine"}


def test_describing_says_which_settings_fit(monkeypatch, tmp_path):
    settings = make_kind("hubert_base")
    network = make_encoder(settings)
    save(network, tmp_path, "new")
    described = describe_speech(tmp_path)
    assert described.settings == {"model.audio.kind": "transformers"}
    assert "of no preset's size (next to" in described.about
    assert set(described.tensors) == set(network.state_dict())
    monkeypatch.setitem(BUILDERS, "hubert_base", small_builder(settings))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False}))
    described = describe_speech(str(tmp_path))
    assert described.settings == {"model.audio.preset": "hubert_base", "model.audio.kind": "wav2vec",
                                  "model.audio.normalize": False}
    assert described.about == "Hugging Face checkpoint of hubert (HubertModel), for waveforms as they are"
    assert set(described.left) == {"masked_spec_embed"}


def test_describing_knows_what_does_not_fit(tmp_path):
    assert describe_speech(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps({"settings": {}}))
    assert describe_speech(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "whisper"}))
    about = "Hugging Face checkpoint of whisper (class unknown), no encoder that hears the waveform itself"
    assert describe_speech(tmp_path) == Weights({}, {}, about, {})


@pytest.mark.parametrize(("family", "preset"), [("moonshine", None), ("wav2vec2", "wav2vec2_large_lv60k")])
def test_layers_that_are_left_out_are_left_in_the_file_and_said(tmp_path, monkeypatch, family, preset):
    settings = make_settings(family) if preset is None else make_kind(preset)
    folder = save(make_encoder(settings), tmp_path / "it", "new")
    kind = {"kind": "transformers"} if preset is None else {"preset": preset}
    if preset is not None:
        monkeypatch.setitem(BUILDERS, preset, small_builder(settings))
    branch, weights = load(folder, layers_used=1, **kind)
    beyond = [name for name, reason in weights.left.items() if reason == "beyond --model.audio.layers_used 1"]
    _, joined = load(folder, layers_joined=[0, 1], **kind)
    assert {name for name, reason in joined.left.items()
            if reason == "beyond --model.audio.layers_joined [0, 1]"} == set(beyond)
    assert any(".1." in name for name in beyond)
    assert any(".2." in name for name in beyond)
    assert any(name.endswith("layer_norm.weight") and ".layers." not in name for name in beyond)
    assert len(branch.layers()) == 3

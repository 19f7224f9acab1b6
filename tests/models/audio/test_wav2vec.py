import dataclasses
import functools
from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchaudio.models import Wav2Vec2Model, wav2vec2_model, wavlm_model
from torchaudio.models.wav2vec2.components import FeatureExtractor

from vaer.config import AudioConfig, Config, ModelConfig, resolve
from vaer.errors import UserError
from vaer.models.audio import AUDIO_BRANCHES
from vaer.models.audio.encoders import BUILDERS
from vaer.models.audio.wav2vec import Wav2Vec
from vaer.presets import AUDIO_PRESETS

SMALL_NORM = {"wav2vec2_base", "wav2vec2_large", "hubert_base", "wavlm_base"}  # one norm, in the first convolution
TINY = ["filterbank", "convolutions"]
EVERY = [*TINY, "wav2vec2_base", "wav2vec2_xlsr_300m", "hubert_large", "wavlm_base", "wavlm_large"]  # every kind of one
LEVELS = [*EVERY, "levels"]  # and the filterbank of waveforms as they are
LENGTHS = [1, 300, 3001, 5000]


def make_config(**settings):
    return resolve(Config(model=ModelConfig(audio=AudioConfig(**settings)))).model.audio


def build_small(preset, *, encoder_layer_drop, **dropouts):
    """torchaudio's network of a preset with its kind of norms and attention, and other sizes."""
    assert encoder_layer_drop == 0
    first = preset not in SMALL_NORM
    positions = dict(encoder_num_buckets=32, encoder_max_distance=80) if "wavlm" in preset else {}
    return (wavlm_model if positions else wav2vec2_model)(
        extractor_mode="layer_norm" if first else "group_norm", extractor_conv_bias="xlsr" in preset,
        extractor_conv_layer_config=[(16, 10, 5), *[(16, 3, 2)] * 4, *[(16, 2, 2)] * 2],
        encoder_embed_dim=32, encoder_pos_conv_kernel=8, encoder_pos_conv_groups=4, encoder_num_layers=3,
        encoder_num_heads=4, encoder_ff_interm_features=64, encoder_layer_norm_first=first, encoder_layer_drop=0.0,
        aux_num_out=None, **positions, **dropouts)


@pytest.fixture
def make_branch(monkeypatch):
    """Maker of a branch by preset, or by extractor of the tiny one; networks of torchaudio's presets are small."""
    for preset in BUILDERS:
        monkeypatch.setitem(BUILDERS, preset, functools.partial(build_small, preset))

    def make(kind, **settings):
        torch.manual_seed(0)
        if kind in (*TINY, "levels"):
            masks = 0 if kind == "convolutions" else 2
            settings = dict(layers=2, dim=32, heads=4, time_masks=masks, band_masks=masks, **settings)
            settings |= (dict(extractor="filterbank", normalize=False, band_levels=True) if kind == "levels" else
                         dict(extractor=kind))
            return Wav2Vec(config=make_config(preset="tiny", **settings))
        return Wav2Vec(config=make_config(preset=kind, **settings))

    return make


def make_batch(lengths=LENGTHS, padding=700):
    torch.manual_seed(1)
    waveform = 0.1 * torch.randn(len(lengths), max(lengths) + padding)
    num_samples = torch.tensor(lengths)
    return waveform.masked_fill(torch.arange(waveform.shape[1]) >= num_samples[:, None], 0), num_samples


def choose_layer(branch, index):
    with torch.no_grad():  # a softmax of exactly 1 at the layer and 0 elsewhere
        branch.mix.weights.copy_(1000 * F.one_hot(torch.tensor(index), len(branch.mix.weights)))


def test_the_dicts_name_what_the_settings_name():
    assert set(AUDIO_BRANCHES) == set(get_args(AudioConfig.__annotations__["kind"]))
    assert {"tiny", *BUILDERS} == set(AUDIO_PRESETS) == set(get_args(AudioConfig.__annotations__["preset"]))


@pytest.mark.parametrize("kind", LEVELS)
def test_a_row_does_not_know_its_neighbours(make_branch, kind):
    branch = make_branch(kind).eval()
    waveform, num_samples = make_batch()
    together = branch(waveform, num_samples)
    for row, length in enumerate(LENGTHS):
        alone = branch(waveform[row:row + 1, :length], num_samples[row:row + 1])
        real = together.mask[row]
        assert real.sum() == alone.mask.sum() == alone.mask.shape[1]
        difference = (together.values[row, real] - alone.values[0]).abs().max() / alone.values.abs().max()
        assert difference < 1e-4
        torch.testing.assert_close(together.times[row, real], alone.times[0])


@pytest.mark.parametrize("kind", LEVELS)
def test_padding_is_zero_and_never_heard(make_branch, kind):
    branch = make_branch(kind).eval()
    waveform, num_samples = make_batch()
    tokens = branch(waveform, num_samples)
    assert (tokens.values[~tokens.mask] == 0).all()
    loud = waveform.masked_fill(torch.arange(waveform.shape[1]) >= num_samples[:, None], torch.nan)
    assert torch.equal(branch(loud, num_samples).values, tokens.values)


@pytest.mark.parametrize("kind", LEVELS)
@pytest.mark.parametrize("width", [0, 1, 5000])
def test_an_absent_clip_gives_zeros_and_zero_gradients(make_branch, kind, width):
    branch = make_branch(kind)
    tokens = branch(torch.zeros(2, width), torch.zeros(2, dtype=torch.int64))
    assert not tokens.mask.any()
    assert (tokens.values == 0).all()
    assert tokens.values.shape[:2] == tokens.times.shape == tokens.mask.shape
    tokens.values.square().sum().backward()
    for name, parameter in branch.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad == 0).all(), name


@pytest.mark.parametrize("kind", LEVELS)
def test_every_parameter_receives_a_gradient(make_branch, kind):
    branch = make_branch(kind)
    tokens = branch(*make_batch([0, 1, 300, 5000]))
    (tokens.values * torch.randn_like(tokens.values)).sum().backward()
    for name, parameter in branch.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # A bias of the keys shifts all logits of a query alike, so its gradient is 0 but for rounding.
        assert name.endswith("k_proj.bias") or parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", EVERY)
def test_layers_left_out_change_nothing_before_them(make_branch, kind):
    whole, cut = make_branch(kind, dropout=0.0).eval(), make_branch(kind, dropout=0.0, layers_used=1).eval()
    kept = {name: tensor for name, tensor in whole.state_dict().items() if name in cut.state_dict()}
    cut.load_state_dict(kept | {"mix.weights": torch.zeros(2)})
    layers = []
    whole.mix.register_forward_pre_hook(lambda _, inputs: layers.append(inputs[0]))
    tokens, theirs = cut(*make_batch([9000])), whole(*make_batch([9000]))
    torch.testing.assert_close(tokens.values[theirs.mask], ((layers[0][0] + layers[0][1]) / 2)[theirs.mask])
    tokens.values.sum().backward()
    assert all(parameter.grad is not None for parameter in cut.parameters())
    assert len(cut.layers()) == 3
    with pytest.raises(UserError, match=r"layers_used 4 is more than the encoder's [23] layers"):
        make_branch(kind, layers_used=4)


@pytest.mark.parametrize("kind", EVERY)
def test_joined_layers_are_those_of_the_whole_encoder(make_branch, kind):
    whole, joined = make_branch(kind, dropout=0.0).eval(), make_branch(kind, dropout=0.0, layers_joined=[0, 1]).eval()
    joined.load_state_dict({name: tensor for name, tensor in whole.state_dict().items()
                            if name in joined.state_dict()})
    layers = []
    whole.mix.register_forward_pre_hook(lambda _, inputs: layers.append(inputs[0]))
    tokens, theirs = joined(*make_batch([9000])), whole(*make_batch([9000]))
    torch.testing.assert_close(tokens.values[theirs.mask], torch.cat(layers[0][:2], dim=2)[theirs.mask])
    assert joined.out_dim == 2 * whole.out_dim
    tokens.values.square().sum().backward()
    assert all(parameter.grad is not None for parameter in joined.parameters())


def test_masks_hide_features_of_convolutions_in_training_alone(make_branch):
    branch, batch = make_branch("wavlm_base", dropout=0.0, time_masks=1, band_masks=1), make_batch([9000, 5000])
    assert torch.equal(branch.eval()(*batch).values, branch(*batch).values)
    seen, hide = [], branch.encoder.feature_projection
    hide.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    branch(*batch)
    torch.manual_seed(0)
    branch.train()(*batch)
    changed = seen[0] != seen[1]
    assert changed.any()
    assert (seen[1][changed] == 0).all()


def test_number_and_times_of_tokens():
    branch = Wav2Vec(config=make_config(preset="tiny", layers=1, extractor="convolutions"))
    tokens = branch(*make_batch([16000, 300, 0]))
    assert tokens.mask.sum(1).tolist() == [49, 1, 0]  # floor((16000 - 400) / 320) + 1; padded to 400; none
    # The first token sees samples 0 to 400 of 16000 a second, 0 to 25 ms; the next one begins 320 samples later.
    torch.testing.assert_close(tokens.times[0, :2], torch.tensor([0.0125, 0.0325]))
    branch = Wav2Vec(config=make_config(preset="tiny", layers=1))
    tokens = branch(*make_batch([16000, 300, 0]))
    assert tokens.mask.sum(1).tolist() == [25, 1, 0]  # 98 frames / 4, rounded up
    torch.testing.assert_close(tokens.times[0, :2], torch.tensor([0.0125, 0.0525]))


@pytest.mark.parametrize("kind", EVERY[1:])
def test_without_padding_layers_are_torchaudios(make_branch, kind):
    branch = make_branch(kind).eval()
    network = Wav2Vec2Model(FeatureExtractor(branch.feature_extractor.conv_layers), branch.encoder).eval()
    waveform, num_samples = make_batch([5000, 5000], padding=0)
    heard = F.layer_norm(waveform, waveform.shape[-1:], eps=1e-10) if branch.normalize else waveform
    features, _ = network.feature_extractor(heard, None)
    first = branch.encoder.transformer._preprocess(branch.encoder.feature_projection(features))
    between = network.extract_features(heard)[0][:-1]
    last, _ = network(heard)  # for large models this is after the final norm
    expected = [first, *between, last]
    assert len(branch.mix.weights) == len(expected)
    for index, layer in enumerate(expected):
        choose_layer(branch, index)
        torch.testing.assert_close(branch(waveform, num_samples).values, layer, atol=1e-5, rtol=1e-4)


def test_layers_are_mixed_evenly_at_first(make_branch):
    branch = make_branch("wav2vec2_base").eval()
    waveform, num_samples = make_batch([5000])
    mixed = branch(waveform, num_samples).values
    single = []
    for index in range(4):
        choose_layer(branch, index)
        single.append(branch(waveform, num_samples).values)
    torch.testing.assert_close(mixed, torch.stack(single).mean(0))


@pytest.mark.parametrize("preset", sorted(BUILDERS))
def test_presets_have_torchaudios_weight_names(preset):
    with torch.device("meta"):
        branch = Wav2Vec(config=make_config(preset=preset))
        reference = BUILDERS[preset]()
    expected = {name: weight.shape for name, weight in reference.state_dict().items()}
    expected["mix.weights"] = torch.Size([1 + AUDIO_PRESETS[preset]["layers"]])
    assert {name: weight.shape for name, weight in branch.state_dict().items()} == expected
    assert branch.out_dim == AUDIO_PRESETS[preset]["dim"]
    assert branch.encoder.transformer.layers[0].attention.num_heads == AUDIO_PRESETS[preset]["heads"]
    assert branch.encoder.transformer.layer_drop == 0


def test_what_was_trained_so_is_normalized_unless_told_otherwise(make_branch):
    normalizing = {preset for preset in BUILDERS if make_branch(preset).normalize}
    assert normalizing == set(BUILDERS) - SMALL_NORM
    assert make_branch("wav2vec2_base", normalize=True).normalize
    assert not make_branch("wavlm_large", normalize=False).normalize
    assert Wav2Vec(config=dataclasses.replace(make_config(preset="tiny"), normalize=None)).normalize


@pytest.mark.parametrize("kind", EVERY)
def test_groups_hold_every_parameter_once(make_branch, kind):
    branch = make_branch(kind)
    groups = branch.layers()
    assert len(groups) == 2 + len(branch.encoder.transformer.layers)
    held = [parameter for group in groups for module in group for parameter in module.parameters()]
    assert len(held) == len({id(parameter) for parameter in held})
    assert {id(parameter) for parameter in held} == {id(parameter) for parameter in branch.parameters()}
    assert branch.mix in groups[-1]
    norm = branch.encoder.transformer.layer_norm
    assert norm in groups[1 if branch.encoder.transformer.layer_norm_first else -1]


@pytest.mark.parametrize("kind", ["filterbank", "wav2vec2_base", "wavlm_large"])
def test_checkpointing_changes_no_gradient(make_branch, kind):
    gradients = []
    for checkpointing in (False, True):
        branch = make_branch(kind, gradient_checkpointing=checkpointing, dropout=0.2)
        waveform, num_samples = make_batch([3001, 5000])
        branch(waveform, num_samples).values.square().sum().backward()
        gradients.append([parameter.grad for parameter in branch.parameters()])
    torch.testing.assert_close(*gradients)


def test_a_frozen_branch_stays_as_it_is(make_branch):
    branch = make_branch("filterbank", freeze=True).train()
    assert not any(parameter.requires_grad for parameter in branch.parameters())
    assert not any(module.training for module in branch.modules())
    waveform, num_samples = make_batch()
    assert torch.equal(branch(waveform, num_samples).values, branch(waveform, num_samples).values)


@pytest.mark.parametrize("kind", ["filterbank", "wav2vec2_base"])
def test_a_frozen_extractor_leaves_the_rest_learning(make_branch, kind):
    branch = make_branch(kind, freeze_extractor=True)
    branch(*make_batch()).values.square().sum().backward()
    for name, parameter in branch.named_parameters():
        assert (parameter.grad is None) == name.startswith("feature_extractor."), name


@pytest.mark.parametrize("kind", [*TINY, "hubert_large"])
@pytest.mark.parametrize("gain", [1e-2, 5.0])
def test_loudness_does_not_survive_normalization(make_branch, kind, gain):
    branch = make_branch(kind).eval()
    waveform, num_samples = make_batch()
    torch.testing.assert_close(branch(gain * waveform + 0.01, num_samples).values,
                               branch(waveform, num_samples).values, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", ["filterbank", "wavlm_base"])
def test_half_precision_is_finite(make_branch, kind):
    branch = make_branch(kind)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tokens = branch(*make_batch([0, 300, 5000]))
    tokens.values.float().sum().backward()
    assert tokens.values.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in branch.parameters())


def test_a_preset_does_not_give_way():
    with pytest.raises(UserError, match=r"--model.audio.extractor is filterbank, but preset wavlm_base"):
        Wav2Vec(config=make_config(preset="wavlm_base", extractor="filterbank"))
    with pytest.raises(UserError, match=r"--model.audio.layers is 6"):
        Wav2Vec(config=make_config(preset="hubert_base", layers=6))


@pytest.mark.parametrize("extractor", TINY)
def test_a_layer_that_is_always_dropped_passes_its_input_on_in_training_alone(extractor):
    """Of two layers the last has the rate 1, the first 0.5; both residuals go, and no name changes."""
    sizes = {"preset": "tiny", "extractor": extractor, "dim": 16, "heads": 2, "layers": 2, "dropout": 0.0}
    dropped, whole = (Wav2Vec(config=make_config(**sizes, drop_path=rate)) for rate in (1.0, 0.0))
    whole.load_state_dict(dropped.state_dict())
    features, mask = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(0)), torch.ones(3, 5).bool()
    if extractor == "convolutions":
        features = torch.randn(3, 5, dropped.encoder.feature_projection.projection.in_features)
    _, first, last = dropped._encode(features, mask)
    norm = dropped.encoder.transformer.layer_norm if dropped.final_norm else nn.Identity()
    torch.testing.assert_close(last, norm(first))
    assert not torch.equal(whole._encode(features, mask)[2], norm(whole._encode(features, mask)[1]))
    for one, other in zip(dropped.eval()._encode(features, mask), whole.eval()._encode(features, mask), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("preset", ["wav2vec2_base", "wavlm_large"])
def test_presets_of_speech_drop_paths_too(preset, monkeypatch):
    """The feed-forward part of a clip is gone or divided by 1 - rate; the first of three layers has a third of it."""
    monkeypatch.setitem(BUILDERS, preset, functools.partial(build_small, preset))
    torch.manual_seed(0)
    branch = Wav2Vec(config=make_config(preset=preset, dropout=0.0, drop_path=0.6))
    part, values = branch.encoder.transformer.layers[0].feed_forward, torch.randn(64, 2, 32)
    ratio = part(values) / part.eval()(values)
    assert (ratio.flatten(1).std(1) < 1e-3).all()
    assert ratio.mean((1, 2)).round(decimals=3).unique().tolist() == pytest.approx([0, 1.25])


def test_dropped_paths_are_refused_where_others_run_the_layers():
    with pytest.raises(UserError, match=r"--model\.audio\.drop_path belongs to --model\.audio\.kind wav2vec"):
        AudioConfig(kind="transformers", drop_path=0.1)

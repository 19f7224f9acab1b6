import dataclasses
import sys

import pytest
import torch
from hf_makers import SMALL_ENCODERS, make_settings
from makers import make_batch as make_clips
from makers import tiny_config

from vaer.config import AudioConfig
from vaer.errors import UserError
from vaer.models.audio.hf_encoder import ENCODERS, MaskedGroupNorm, TransformersEncoder
from vaer.models.network import VAER, network_settings

FAMILIES = sorted(ENCODERS)
LENGTHS = [1, 300, 5000, 0, 9001, 5000]


def make_config(family, **settings):
    return AudioConfig(kind="transformers", architecture=make_settings(family).to_dict(),
                       **{"normalize": False} | settings)


def make_branch(family, **settings):
    torch.manual_seed(0)
    return TransformersEncoder(config=make_config(family, **settings))


def make_batch(lengths=LENGTHS, padding=700):
    torch.manual_seed(1)
    num_samples = torch.tensor(lengths)
    return 0.1 * torch.randn(len(lengths), max(lengths) + padding), num_samples


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_does_not_know_its_neighbours(family):
    branch = make_branch(family).eval()
    waveform, num_samples = make_batch()
    together = branch(waveform, num_samples)
    assert (together.values[~together.mask] == 0).all()
    assert not together.mask[3].any()
    for row in (0, 1, 2, 4, 5):
        alone = branch(waveform[row:row + 1, :LENGTHS[row]], num_samples[row:row + 1])
        real = together.mask[row]
        assert real.sum() == alone.mask.sum() == alone.mask.shape[1] >= 1
        difference = (together.values[row, real] - alone.values[0]).abs().max() / alone.values.abs().max()
        assert difference < 1e-4
        torch.testing.assert_close(together.times[row, real], alone.times[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_are_those_of_transformers(family):
    branch = make_branch(family, dropout=0.0)
    waveform, num_samples = make_batch([9000, 9000], padding=0)
    output = branch.encoder(waveform, output_hidden_states=True)
    expected = [*output.hidden_states[:-1], output.last_hidden_state]
    if "sew" in family:
        expected[-1] = output.hidden_states[-1]  # the last state is the one before it is drawn out to twice its length
    torch.testing.assert_close(branch(waveform, num_samples).values, torch.stack(expected).mean(0))


@pytest.mark.parametrize("used", [1, 2, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_layers_left_out_change_nothing_before_them(family, used):
    """The mix of the first layers of the whole encoder, as they are before any norm that follows the last of all."""
    whole, cut = make_branch(family, dropout=0.0), make_branch(family, dropout=0.0, layers_used=used)
    kept = {name: tensor for name, tensor in whole.state_dict().items() if name in cut.state_dict()}
    cut.load_state_dict(kept | {"mix.weights": torch.zeros(1 + used)})
    layers = []
    whole.mix.register_forward_pre_hook(lambda _, inputs: layers.append(inputs[0]))
    waveform, num_samples = make_batch([9000, 9000], padding=0)
    whole(waveform, num_samples)
    tokens = cut(waveform, num_samples)
    torch.testing.assert_close(tokens.values, torch.stack(layers[0][:1 + used]).mean(0))
    tokens.values.sum().backward()
    assert all(parameter.grad is not None for parameter in cut.parameters())
    assert len(cut.layers()) == 2 + used


@pytest.mark.parametrize("family", FAMILIES)
def test_joined_layers_are_those_of_the_whole_encoder(family):
    whole, joined = make_branch(family, dropout=0.0), make_branch(family, dropout=0.0, layers_joined=[2, 0])
    joined.load_state_dict({name: tensor for name, tensor in whole.state_dict().items()
                            if name in joined.state_dict()})
    layers = []
    whole.mix.register_forward_pre_hook(lambda _, inputs: layers.append(inputs[0]))
    waveform, num_samples = make_batch([9000, 9000], padding=0)
    whole(waveform, num_samples)
    tokens = joined(waveform, num_samples)
    assert joined.out_dim == tokens.values.shape[2] == 2 * whole.out_dim
    torch.testing.assert_close(tokens.values, torch.cat([layers[0][2], layers[0][0]], dim=2))
    tokens.values.square().sum().backward()
    assert all(parameter.grad is not None for parameter in joined.parameters())


def test_more_layers_than_there_are_cannot_be_used():
    with pytest.raises(UserError, match=r"4 of --model\.audio\.layers_joined \[1, 4\] is more than the encoder's 3"):
        make_branch("moonshine", layers_joined=[1, 4])
    with pytest.raises(UserError, match=r"--model\.audio\.layers_used 4 is more than the encoder's 3 layers; lower it"):
        make_branch("moonshine", layers_used=4)


def test_clips_of_several_lengths_run_in_one_pass_where_the_encoder_can_be_masked():
    for family, passes in (("moonshine", 1), ("hubert", 4)):  # lengths: 3001, 5000, 9000 and the shortest
        branch, calls = make_branch(family), []
        branch.encoder.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        branch(*make_batch([3001, 5000, 9000, 1, 0, 5000]))
        assert len(calls) == passes, family


def test_a_masked_group_norm_is_that_of_each_clip_alone():
    torch.manual_seed(0)
    norm, values = torch.nn.GroupNorm(1, 4), torch.randn(2, 4, 10)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    alone = [norm(values[:1, :, :7]), norm(values[1:])]
    norm.__class__, norm.lengths = MaskedGroupNorm, torch.tensor([7, 10])
    together = norm(values)
    torch.testing.assert_close(together[:1, :, :7], alone[0])
    torch.testing.assert_close(together[1:], alone[1])


@pytest.mark.parametrize("family", ["moonshine", "sew", "wav2vec2"])
def test_masks_hide_time_and_channels_of_a_training_clip_alone(family):
    """The features that enter the transformer: whole rows of zeros at most a fifth of the time, columns a tenth."""
    branch = make_branch(family, dropout=0.0, time_masks=1, band_masks=1)
    features = []
    branch._extractor_end().register_forward_hook(lambda _, __, values: features.append(values.detach()))
    batch = make_batch([16000, 16000], padding=0)
    whole = branch.eval()(*batch).values
    assert torch.equal(branch(*batch).values, whole)
    features.clear()
    torch.manual_seed(0)
    assert not torch.equal(branch.train()(*batch).values, whole)
    for values in features:
        for clip in values:  # (dim, time)
            assert 0 < (clip == 0).all(0).float().mean() <= 0.25  # a step more at either end
            assert (clip == 0).all(1).float().mean() <= 0.15
    frozen = make_branch(family, dropout=0.0, time_masks=1, freeze=True).train()
    assert torch.equal(frozen(*batch).values, frozen(*batch).values)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_receives_a_gradient_and_belongs_to_one_group(family):
    branch = make_branch(family)
    tokens = branch(*make_batch([0, 300, 5000]))
    (tokens.values * torch.randn_like(tokens.values)).sum().backward()
    for name, parameter in branch.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    held = [parameter for group in branch.layers() for module in group for parameter in module.parameters()]
    assert len(held) == len({id(parameter) for parameter in held})
    assert {id(parameter) for parameter in held} == {id(parameter) for parameter in branch.parameters()}
    assert len(branch.layers()) == 2 + 3
    assert branch.mix in branch.layers()[-1]


@pytest.mark.parametrize("width", [0, 1, 5000])
@pytest.mark.parametrize("family", ["moonshine", "sew"])
def test_absent_clips_give_zeros_and_zero_gradients(family, width):
    branch = make_branch(family)
    tokens = branch(torch.full((2, width), torch.nan), torch.zeros(2, dtype=torch.int64))
    assert not tokens.mask.any()
    assert (tokens.values == 0).all()
    tokens.values.square().sum().backward()
    assert all((parameter.grad == 0).all() for parameter in branch.parameters())


@pytest.mark.parametrize(("family", "hop", "receptive_field"), [
    ("unispeech", 320, 400),
    ("sew", 640, 720),  # two features of wav2vec 2.0's, the second 320 samples later, make one token
    ("moonshine", 384, 895)])  # 64 * 3 * 2; 127 + 6 * 64 + 2 * 192
def test_a_token_is_where_its_samples_are(family, hop, receptive_field):
    branch = make_branch(family).eval()
    samples = receptive_field + 3 * hop
    tokens = branch(*make_batch([samples, samples - 1, receptive_field, 1, 0], padding=hop))
    assert tokens.mask.sum(1).tolist() == [4, 3, 1, 1, 0]
    middles = torch.tensor([receptive_field / 2, receptive_field / 2 + hop]) / 16000
    torch.testing.assert_close(tokens.times[0, :2], middles)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_library_gives_as_many_tokens_as_we_count(family):
    branch = make_branch(family).eval()
    first, hop = branch.receptive_field, branch.hop
    lengths = [first, first + hop - 1, first + hop, first + 5 * hop - 1, first + 5 * hop]
    counts = [branch.encoder(torch.randn(1, length)).last_hidden_state.shape[1] for length in lengths]
    if "sew" in family:  # drawn out to two for each
        counts = [count // 2 for count in counts]
    assert counts == [1, 1, 2, 5, 6]


def test_masks_and_layer_drop_are_off():
    branch = make_branch("wav2vec2", dropout=0.0)
    waveform, num_samples = make_batch([9000])
    assert torch.equal(branch(waveform, num_samples).values, branch.eval()(waveform, num_samples).values)


def test_dropout_is_ours():
    modules = make_branch("unispeech", dropout=0.3).modules()
    assert {module.p for module in modules if isinstance(module, torch.nn.Dropout)} == {0.3}


@pytest.mark.parametrize("family", ["hubert", "moonshine"])
def test_checkpointing_changes_no_gradient(family):
    gradients = []
    for checkpointing in (False, True):
        branch = make_branch(family, gradient_checkpointing=checkpointing, dropout=0.2)
        torch.manual_seed(2)
        branch(*make_batch([3001, 5000])).values.square().sum().backward()
        gradients.append([parameter.grad for parameter in branch.parameters()])
    torch.testing.assert_close(*gradients)


def test_freezing():
    branch = make_branch("moonshine", freeze=True, dropout=0.5).train()
    assert not any(parameter.requires_grad for parameter in branch.parameters())
    assert not any(module.training for module in branch.modules())
    branch = make_branch("moonshine", freeze_extractor=True)
    still = {name.split(".")[1] for name, parameter in branch.named_parameters() if not parameter.requires_grad}
    assert still == {"conv1", "conv2", "conv3", "groupnorm"}


def test_loudness_does_not_survive_normalization():
    waveform, num_samples = make_batch([5000])
    branch = make_branch("moonshine", normalize=True).eval()
    torch.testing.assert_close(branch(3 * waveform, num_samples).values, branch(waveform, num_samples).values,
                               atol=1e-4, rtol=1e-4)


def test_half_precision_is_finite():
    branch = make_branch("moonshine")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tokens = branch(*make_batch([0, 300, 5000]))
    tokens.values.float().sum().backward()
    assert tokens.values.isfinite().all()


@pytest.mark.parametrize("family", ["moonshine", "wavlm"])
def test_the_best_weights_alone_predict(tmp_path, family):
    config = tiny_config(audio=make_config(family))
    network = VAER(settings=network_settings(config, ("calm", "angry"))).eval()
    network.save_pretrained(tmp_path)
    batch = make_clips([1.0, 0.3])
    again = VAER.from_pretrained(tmp_path).eval()
    assert torch.equal(again(batch).logits, network(batch).logits)


def test_what_does_not_hear_a_waveform_is_refused():
    config = dataclasses.replace(make_config("wavlm"), architecture={"model_type": "whisper"})
    with pytest.raises(UserError, match=r"whisper is no encoder that hears the waveform.*moonshine"):
        TransformersEncoder(config=config)


@pytest.mark.parametrize("wrong", [{"hidden_size": "x"}, {"num_attention_heads": 7}, {"conv_stride": [5, 2]}])
def test_what_the_library_cannot_build_is_told(wrong):
    config = AudioConfig(kind="transformers", architecture=make_settings("wavlm").to_dict() | wrong)
    with pytest.raises(UserError, match=r"transformers cannot build this wavlm \(.*take the config.json that came"):
        TransformersEncoder(config=config)


def test_without_the_library_the_remedy_is_named(monkeypatch):
    config = make_config("wavlm")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"pip install 'vaer\[hf\]'"):
        TransformersEncoder(config=config)


def test_every_encoder_is_tested():
    assert set(SMALL_ENCODERS) == set(ENCODERS)

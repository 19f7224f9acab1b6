import re
import urllib.error
from functools import partial

import pytest
import torch
import torchaudio
from torchaudio.pipelines import Wav2Vec2Bundle

from vaer.config import AudioConfig
from vaer.errors import UserError
from vaer.models.audio.encoders import BUILDERS, BUNDLES, Bundle
from vaer.models.audio.wav2vec import Wav2Vec
from vaer.presets import AUDIO_PRESETS
from vaer.weights import bundles
from vaer.weights.bundles import describe_bundle, facts_of_bundle, read_bundle
from vaer.weights.fit import facts_of

NAMED = {
    "WAV2VEC2_BASE": "wav2vec2_base", "WAV2VEC2_ASR_BASE_960H": "wav2vec2_base", "WAV2VEC2_LARGE": "wav2vec2_large",
    "WAV2VEC2_LARGE_LV60K": "wav2vec2_large_lv60k", "WAV2VEC2_XLSR53": "wav2vec2_xlsr_300m",
    "WAV2VEC2_XLSR_300M": "wav2vec2_xlsr_300m", "WAV2VEC2_XLSR_1B": "wav2vec2_xlsr_1b",
    "WAV2VEC2_XLSR_2B": "wav2vec2_xlsr_2b", "HUBERT_BASE": "hubert_base", "HUBERT_LARGE": "hubert_large",
    "HUBERT_XLARGE": "hubert_xlarge", "WAVLM_BASE": "wavlm_base", "WAVLM_BASE_PLUS": "wavlm_base",
    "WAVLM_LARGE": "wavlm_large"}


def preset_of(name):
    return AudioConfig(preset=name, **AUDIO_PRESETS[name])


@pytest.fixture
def small_bundle(monkeypatch):
    """HUBERT_BASE with a head and two layers of 32, the preset to match, and what the fetch gives or raises."""
    fetched = {}
    drop = {name: 0.0 for name in ("encoder_projection_dropout", "encoder_attention_dropout",
                                   "encoder_ff_interm_dropout", "encoder_dropout", "encoder_layer_drop")}
    sizes = dict(extractor_mode="group_norm", extractor_conv_bias=False,
                 extractor_conv_layer_config=[(16, 10, 5), *[(16, 3, 2)] * 4, *[(16, 2, 2)] * 2], encoder_embed_dim=32,
                 encoder_pos_conv_kernel=8, encoder_pos_conv_groups=4, encoder_num_layers=2, encoder_num_heads=4,
                 encoder_ff_interm_features=64, encoder_layer_norm_first=False)
    original = Wav2Vec2Bundle("hubert_small.pth", sizes | drop | dict(aux_num_out=7), 16000, False, "Wav2Vec2")
    bundle = Bundle(original)
    monkeypatch.setitem(BUNDLES, "HUBERT_BASE", bundle)
    monkeypatch.setitem(BUILDERS, "hubert_base", partial(torchaudio.models.wav2vec2_model, **sizes, aux_num_out=None))

    def fetch(url, **arguments):
        fetched.update(arguments, url=url)
        if isinstance(fetched["file"], Exception):
            raise fetched["file"]
        return fetched["file"]

    monkeypatch.setattr(torchaudio.pipelines._wav2vec2.utils, "load_state_dict_from_url", fetch)
    return bundle, fetched


def test_every_bundle_has_its_preset():
    known = [facts_of(preset_of(preset)) for preset in BUILDERS]
    assert [name for name, bundle in BUNDLES.items() if facts_of_bundle(bundle) not in known] == []


@pytest.mark.parametrize(("name", "preset"), NAMED.items())
def test_presets_are_built_and_fed_as_their_bundles(name, preset):
    assert facts_of(preset_of(preset)) == facts_of_bundle(BUNDLES[name])
    assert AUDIO_PRESETS[preset]["normalize"] == BUNDLES[name].normalize


@pytest.mark.parametrize("spelling", ["new", "old"])
def test_a_bundle_gives_the_network_of_torchaudio(small_bundle, spelling):
    bundle, fetched = small_bundle
    torch.manual_seed(0)
    network = torchaudio.models.wav2vec2_model(**bundle.sizes).eval()
    fetched["file"] = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    if spelling == "old":
        place = "encoder.transformer.pos_conv_embed.conv."
        for old, new in (("weight_g", "parametrizations.weight.original0"),
                         ("weight_v", "parametrizations.weight.original1")):
            fetched["file"][place + old] = fetched["file"].pop(place + new)
    weights = read_bundle("HUBERT_BASE", preset_of("hubert_base"))
    assert fetched["url"] == "https://download.pytorch.org/torchaudio/models/hubert_small.pth"
    assert fetched["weights_only"] is True
    assert weights.left == {"aux.weight": "task head", "aux.bias": "task head"}
    assert weights.settings == {"model.audio.preset": "hubert_base", "model.audio.normalize": False}
    branch = Wav2Vec(config=preset_of("hubert_base")).eval()
    odd = branch.load_state_dict(weights.tensors, strict=False)
    assert (odd.missing_keys, odd.unexpected_keys) == (["mix.weights"], [])
    with torch.no_grad():
        branch.mix.weights[-1] = 1000
    waveform = 0.1 * torch.randn(2, 5000)
    expected = network.encoder(network.feature_extractor(waveform, None)[0])
    torch.testing.assert_close(branch(waveform, torch.tensor([5000, 5000])).values, expected, atol=1e-5, rtol=1e-4)


def test_without_a_connection_the_address_and_size_are_named(small_bundle):
    _, fetched = small_bundle
    fetched["file"] = urllib.error.URLError("no route")
    with pytest.raises(UserError, match=r"HUBERT_BASE: https://download.*hubert_small.pth \(about 0 MB\).*no route"):
        read_bundle("HUBERT_BASE", preset_of("hubert_base"))
    fetched["file"] = RuntimeError('invalid hash value (expected "1", got "2")')
    with pytest.raises(UserError, match=r"not whole \(invalid hash value.*remove hubert_small.pth"):
        read_bundle("HUBERT_BASE", preset_of("hubert_base"))


def test_the_size_is_that_of_the_weights(monkeypatch):
    def fail(url, **arguments):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(torchaudio.pipelines._wav2vec2.utils, "load_state_dict_from_url", fail)
    # torchaudio's pages show 360M, which are 360 * 2^20 bytes.
    with pytest.raises(UserError, match=r"hubert_fairseq_base_ls960.pth \(about 377 MB\)"):
        read_bundle("HUBERT_BASE", preset_of("hubert_base"))


def test_another_preset_is_refused_with_those_that_fit():
    with pytest.raises(UserError, match=r"WAV2VEC2_XLSR53: does not fit --model.audio.preset wavlm_base; "
                                        r"set --model.audio.preset wav2vec2_large_lv60k or wav2vec2_xlsr_300m"):
        read_bundle("WAV2VEC2_XLSR53", preset_of("wavlm_base"))
    with pytest.raises(UserError, match=r"set --model.audio.preset hubert_base or wav2vec2_base"):
        read_bundle("HUBERT_BASE", preset_of("tiny"))


@pytest.mark.parametrize(("name", "preset", "normalize"), [
    ("WAVLM_BASE_PLUS", "wavlm_base", "false"), ("WAV2VEC2_XLSR_300M", "wav2vec2_xlsr_300m", "true"),
    ("HUBERT_LARGE", "hubert_large", "true")])
def test_a_bundle_is_described_without_fetching_it(monkeypatch, name, preset, normalize):
    monkeypatch.setattr(bundles, "_fetch", lambda *_: pytest.fail("fetched"))
    lines = describe_bundle(name)
    assert re.search(r"about \d+ MB", lines[0])
    assert lines[1].endswith(f"--model.audio.preset {preset} --model.audio.normalize {normalize}")

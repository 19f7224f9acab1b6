import pytest
import torch
from torchaudio.pipelines import Wav2Vec2ASRBundle, Wav2Vec2Bundle

from vaer.models.audio.encoders import BUILDERS, BUNDLES, has_relative_positions


@pytest.mark.parametrize("preset", BUILDERS)
def test_a_builder_gives_the_two_parts_that_a_branch_takes(preset):
    with torch.device("meta"):
        network = BUILDERS[preset]()
    strides = [block.stride for block in network.feature_extractor.conv_layers]
    assert strides == [5, 2, 2, 2, 2, 2, 2]  # 320 samples a token
    assert has_relative_positions(network.encoder.transformer.layers[0].attention) == preset.startswith("wavlm")


def test_fine_tuned_bundles_are_among_them():
    assert isinstance(BUNDLES["WAV2VEC2_ASR_BASE_960H"].original, Wav2Vec2ASRBundle)
    assert isinstance(BUNDLES["WAVLM_BASE"].original, Wav2Vec2Bundle)
    assert len(BUNDLES) >= 14


@pytest.mark.parametrize(("name", "address"), [
    ("HUBERT_BASE", "https://download.pytorch.org/torchaudio/models/hubert_fairseq_base_ls960.pth"),
    ("WAVLM_BASE", "https://download.pytorch.org/torchaudio/models/wavlm_base.pth")])
def test_a_bundle_has_an_address_and_builds_its_network(name, address):
    bundle = BUNDLES[name]
    assert bundle.address == address
    assert bundle.address.endswith(bundle.path)
    with torch.device("meta"):
        attention = bundle.build().encoder.transformer.layers[0].attention
    assert has_relative_positions(attention) == (name == "WAVLM_BASE")

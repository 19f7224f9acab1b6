import pytest

from vaer.config import AudioConfig
from vaer.errors import UserError
from vaer.presets import AUDIO_PRESETS
from vaer.weights.fit import facts_of, fitting_presets, require_fit


def preset_of(name):
    return AudioConfig(preset=name, **AUDIO_PRESETS[name])


def test_presets_of_one_build_are_named_with_the_family_first():
    facts = facts_of(preset_of("wav2vec2_base"))
    assert fitting_presets(facts, "hubert") == ["hubert_base", "wav2vec2_base"]
    assert fitting_presets(facts, "wav2vec2") == ["wav2vec2_base", "hubert_base"]
    assert fitting_presets(facts_of(preset_of("hubert_large")), "hubert") == ["hubert_large"]


def test_what_fits_passes_and_what_does_not_is_told():
    facts = facts_of(preset_of("wavlm_large"))
    require_fit(facts, preset_of("wavlm_large"), "wavlm", "FILE")
    with pytest.raises(UserError, match=r"FILE: does not fit --model.audio.preset tiny; set --model.audio.preset "
                                        r"wavlm_large\."):
        require_fit(facts, preset_of("tiny"), "wavlm", "FILE")
    with pytest.raises(UserError, match=r"FILE: fits no preset \(next to wavlm_large, num_layers 6 for 24\); run it by "
                                        r"--model.audio.kind transformers"):
        require_fit(facts | {"encoder_num_layers": 6}, preset_of("wavlm_large"), "wavlm", "FILE")

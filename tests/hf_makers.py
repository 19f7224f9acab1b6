"""Small Hugging Face encoders with random weights, made by the library that defines them."""

import functools
import json
from pathlib import Path

import torch
import torchaudio

from vaer.weights.fit import FIXED
from vaer.weights.huggingface import facts_of_settings

SMALL = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, conv_dim=[16] * 7,
             num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4)
LARGE_KIND = dict(feat_extract_norm="layer", do_stable_layer_norm=True)
MOONSHINE = dict(hidden_size=32, intermediate_size=48, encoder_num_hidden_layers=3, decoder_num_hidden_layers=1,
                 encoder_num_attention_heads=4, decoder_num_attention_heads=4, encoder_num_key_value_heads=4,
                 decoder_num_key_value_heads=4, vocab_size=50)
SEW = SMALL | dict(conv_dim=[16] * 13, squeeze_factor=2)

SMALL_ENCODERS = {
    "data2vec-audio": SMALL | dict(num_conv_pos_embeddings=2, feat_extract_norm="layer"),
    "hubert": SMALL,
    "moonshine": MOONSHINE,
    "sew": SEW,
    "sew-d": SEW,
    "unispeech": SMALL | LARGE_KIND,
    "unispeech-sat": SMALL,
    "wav2vec2": SMALL | LARGE_KIND | dict(conv_bias=True),
    "wav2vec2-conformer": SMALL | LARGE_KIND,
    "wavlm": SMALL | dict(num_buckets=32, max_bucket_distance=20),  # one second reaches beyond the far bucket
}

KINDS = {
    "wav2vec2_base": ("wav2vec2", {}),
    "wav2vec2_large_lv60k": ("wav2vec2", LARGE_KIND | dict(conv_bias=True)),
    "hubert_base": ("hubert", {}),
    "hubert_large": ("hubert", LARGE_KIND),
    "wavlm_base": ("wavlm", {}),
    "wavlm_large": ("wavlm", LARGE_KIND),
}
"""Presets of ours -> the family and the settings by which transformers builds the like."""


def make_settings(family, **settings):
    """transformers' settings of a small encoder; `settings` replaces some of them."""
    from transformers import AutoConfig

    return AutoConfig.for_model(family, **SMALL_ENCODERS[family] | settings)


def make_kind(preset, **settings):
    """transformers' settings of a small network of the preset's kind."""
    family, kind = KINDS[preset]
    return make_settings(family, **{"conv_bias": False, "feat_extract_norm": "group", "do_stable_layer_norm": False}
                         | kind | settings)


def small_builder(settings):
    """torchaudio's builder of a network with these settings of transformers, as the presets have one each."""
    facts = facts_of_settings(settings.to_dict())
    build = torchaudio.models.wavlm_model if settings.model_type == "wavlm" else torchaudio.models.wav2vec2_model
    sizes = {name: value for name, value in facts.items() if name not in FIXED}
    return functools.partial(build, **sizes, aux_num_out=None)


def make_encoder(settings, head="AutoModel", seed=0):
    """A network of these settings whose every tensor is random: norms and biases too, which start as ones and zeros."""
    import transformers

    torch.manual_seed(seed)
    network = getattr(transformers, head).from_config(settings).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim == 1 or "gru_rel_pos_const" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
            elif "rel_attn_embed" in name:
                parameter.normal_()
    return network


def write_folder(path: Path, normalize: bool | None = None, **settings) -> Path:
    """The settings of a checkpoint without its weights."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"model_type": "moonshine", "dtype": "float16"} | settings))
    if normalize is not None:
        (path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": normalize}))
    return path

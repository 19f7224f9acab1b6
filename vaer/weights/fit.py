"""Which presets of the speech branch are built as a checkpoint's network was."""

import dataclasses
from typing import Any

import torch
from torch import nn

from vaer.config import ALL_LAYERS, AudioConfig
from vaer.errors import UserError
from vaer.models.audio.encoders import BUILDERS
from vaer.models.audio.wav2vec import Wav2Vec
from vaer.presets import AUDIO_PRESETS

FIXED = {"hidden_act": "gelu", "feat_extract_activation": "gelu", "layer_norm_eps": 1e-5, "feat_proj_layer_norm": True,
         "conv_pos_batch_norm": False, "adapter_attn_dim": None}
"""What torchaudio's modules have in common, by the names and with the usual values of a Hugging Face config.json."""


def facts_of(config: AudioConfig) -> dict[str, Any]:
    """How the branch of these settings is built, by the argument names of torchaudio's builders."""
    with torch.device("meta"):
        branch = Wav2Vec(config=dataclasses.replace(config, **ALL_LAYERS))
    if config.extractor == "filterbank":
        return {"extractor": "filterbank"}
    transformer, blocks = branch.encoder.transformer, branch.feature_extractor.conv_layers
    layer, positions = transformer.layers[0], transformer.pos_conv_embed.conv
    facts = FIXED | {
        "extractor_mode": "group_norm" if isinstance(blocks[0].layer_norm, nn.GroupNorm) else "layer_norm",
        "extractor_conv_layer_config": [(block.conv.out_channels, block.kernel_size, block.stride) for block in blocks],
        "extractor_conv_bias": blocks[0].conv.bias is not None,
        "encoder_embed_dim": branch.out_dim,
        "encoder_pos_conv_kernel": positions.kernel_size[0],
        "encoder_pos_conv_groups": positions.groups,
        "encoder_num_layers": len(transformer.layers),
        "encoder_num_heads": layer.attention.num_heads,
        "encoder_ff_interm_features": layer.feed_forward.intermediate_dense.out_features,
        "encoder_layer_norm_first": layer.layer_norm_first,
    }
    if branch.relative_positions:
        facts["encoder_num_buckets"] = layer.attention.num_buckets
        facts["encoder_max_distance"] = layer.attention.max_distance
    return facts


def fitting_presets(found: dict[str, Any], family: str) -> list[str]:
    """The presets built as `found` says, those named after the `family` first."""
    fitting = [preset for preset, facts in _facts_of_presets().items() if facts == found]
    return sorted(fitting, key=lambda preset: not preset.startswith(family))


def require_fit(found: dict[str, Any], config: AudioConfig, family: str, source: str) -> None:
    """Raise UserError, which names the settings that fit, unless the branch of `config` is built as `found` says."""
    if facts_of(config) == found:
        return
    fitting = fitting_presets(found, family)
    if fitting:
        raise UserError(f"{source}: does not fit --model.audio.preset {config.preset}; "
                        f"set --model.audio.preset {' or '.join(fitting)}.")
    raise UserError(f"{source}: fits no preset ({nearest(found)}); run it by --model.audio.kind transformers.")


def nearest(found: dict[str, Any]) -> str:
    """A phrase: the preset that differs least from `found`, and in what."""
    presets = _facts_of_presets()
    differing = {preset: [name for name in {**found, **facts} if found.get(name) != facts.get(name)]
                 for preset, facts in presets.items()}
    preset = min(differing, key=lambda preset: len(differing[preset]))
    facts = presets[preset]
    return f"next to {preset}, " + ", ".join(
        f"{name.removeprefix('encoder_')} {found.get(name)} for {facts.get(name)}" for name in differing[preset])


def _facts_of_presets() -> dict[str, dict[str, Any]]:
    return {preset: facts_of(AudioConfig(preset=preset, **AUDIO_PRESETS[preset])) for preset in BUILDERS}

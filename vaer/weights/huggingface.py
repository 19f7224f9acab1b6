"""Hugging Face's wav2vec 2.0, HuBERT and WavLM under torchaudio's names; transformers is not needed."""

from typing import Any

import torch
from torch import Tensor

from vaer.weights.fit import FIXED
from vaer.weights.unwrap import network_in

SPEECH = "feature_extractor.conv_layers.0.conv.weight"
"""A name that the encoders of all these families have."""
FAMILIES = ("wav2vec2", "hubert", "wavlm")
"""By the `model_type` of config.json, which is also the prefix of the encoder's names beside a head."""

USUAL = dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
             feat_extract_norm="group", conv_dim=[512] * 7, conv_kernel=[10, 3, 3, 3, 3, 2, 2],
             conv_stride=[5, 2, 2, 2, 2, 2, 2], conv_bias=False, num_conv_pos_embeddings=128,
             num_conv_pos_embedding_groups=16, do_stable_layer_norm=False, num_buckets=320, max_bucket_distance=800)
"""What a config.json means that leaves an entry out."""

REASONS = {"masked_spec_embed": "stands for masked stretches, of which there are none here",
           "adapter": "adapter behind the encoder"}
PRETRAINING = ("quantizer", "project_q", "project_hid")

PLACES = {"feature_extractor.": "feature_extractor.",
          "feature_projection.": "encoder.feature_projection.",
          "encoder.": "encoder.transformer."}
"""Their place of a part -> torchaudio's."""


def facts_of_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """How the network of a config.json is built, as `vaer.weights.fit` names it."""
    known = USUAL | settings
    facts = {name: settings.get(name, usual) for name, usual in FIXED.items()} | {
        "extractor_mode": f"{known['feat_extract_norm']}_norm",
        "extractor_conv_layer_config": [*zip(known["conv_dim"], known["conv_kernel"], known["conv_stride"],
                                             strict=False)],  # lists of unequal length fit no preset
        "extractor_conv_bias": known["conv_bias"],
        "encoder_embed_dim": known["hidden_size"],
        "encoder_pos_conv_kernel": known["num_conv_pos_embeddings"],
        "encoder_pos_conv_groups": known["num_conv_pos_embedding_groups"],
        "encoder_num_layers": known["num_hidden_layers"],
        "encoder_num_heads": known["num_attention_heads"],
        "encoder_ff_interm_features": known["intermediate_size"],
        "encoder_layer_norm_first": known["do_stable_layer_norm"],
    }
    if known["model_type"] == "wavlm":
        facts |= {"encoder_num_buckets": known["num_buckets"], "encoder_max_distance": known["max_bucket_distance"]}
    return facts


def to_torchaudio(tensors: dict[str, Tensor], family: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The encoder's tensors by the names of our branch, and the names of the others with the reason they are left."""
    prefix = f"{family}."
    network = network_in(tensors, [SPEECH, prefix + SPEECH])  # a trainer may have put more around it
    named, left = (tensors, {}) if network is None else network
    headed = any(name.startswith(prefix) for name in named)
    found = {}
    for name, tensor in named.items():
        inner = name.removeprefix(prefix)
        part = inner.split(".")[0]
        if headed and not name.startswith(prefix):
            left[name] = "served pretraining" if part in PRETRAINING else "task head"
        elif part in REASONS:
            left[name] = REASONS[part]
        else:
            found[_place(inner)] = tensor
    return (_join_projections(found) if family == "wavlm" else found), left


def _place(name: str) -> str:
    """Our name of an encoder's tensor; one of an unknown part keeps its own, and is refused when it is loaded."""
    for theirs, ours in PLACES.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def _join_projections(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """WavLM's three projections as the one matrix that torch's attention has, its output inside that attention."""
    joined = {}
    for name, tensor in tensors.items():
        inner, _, kind = name.rpartition(".")
        where, _, projection = inner.rpartition(".")
        if projection == "q_proj":
            parts = [tensors.get(f"{where}.{part}_proj.{kind}") for part in "qkv"]
            if all(part is not None for part in parts):
                joined[f"{where}.attention.in_proj_{kind}"] = torch.cat(parts)
        elif projection == "out_proj":
            joined[f"{where}.attention.out_proj.{kind}"] = tensor
        elif projection not in ("k_proj", "v_proj"):
            joined[name] = tensor
    return joined

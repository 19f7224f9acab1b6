"""The speech branch: wav2vec 2.0, HuBERT and WavLM as torchaudio builds them, and a small one to train from scratch."""

import math

import torch
from einops import repeat
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vaer.config import AudioConfig
from vaer.errors import UserError
from vaer.models.audio.convolutions import ConvolutionExtractor
from vaer.models.audio.encoders import BUILDERS, build_network, has_relative_positions
from vaer.models.audio.filterbank import FilterbankExtractor
from vaer.models.audio.masking import length_mask, mask_features
from vaer.models.audio.waveform import prepare_waveform
from vaer.models.layers.drop_path import drop_rates, dropping
from vaer.models.layers.mix import reader_of, require_layers
from vaer.presets import AUDIO_PRESETS
from vaer.records import Tokens


class Wav2Vec(nn.Module):
    """Tokens of a waveform: an extractor, a transformer over it, and a mix of its layers, or some side by side.

    The input of the first layer belongs to the mix; where layers normalise their input (large models), the last one
    enters after the final norm, as in transformers. A clip's tokens do not depend on its padding or its neighbours.
    Weights have torchaudio's names, `feature_extractor.*` and `encoder.*`, beside our own `mix.weights`.
    """

    sample_rate = 16000
    """Hz."""

    def __init__(self, *, config: AudioConfig) -> None:
        super().__init__()
        network = _build_tiny(config) if config.preset == "tiny" else _build_pretrained(config)
        self.encoder = network.encoder
        if config.extractor == "filterbank":
            self.feature_extractor = FilterbankExtractor(
                out_dim=config.dim, time_masks=config.time_masks, band_masks=config.band_masks,
                levels=config.band_levels, gains_db=config.band_gains_db)
        else:
            self.feature_extractor = ConvolutionExtractor(conv_layers=network.feature_extractor.conv_layers)
        transformer = self.encoder.transformer
        self.masks = (config.time_masks, config.band_masks) if config.extractor != "filterbank" else (0, 0)
        self.final_norm = not transformer.layer_norm_first
        if config.layers_kept is not None:
            self._leave_out(config)
        for layer, rate in zip(transformer.layers, drop_rates(config.drop_path, len(transformer.layers)), strict=True):
            layer.dropout = dropping(layer.dropout, rate)
            layer.feed_forward.output_dropout = dropping(layer.feed_forward.output_dropout, rate)
        self.mix = reader_of(config, 1 + len(transformer.layers))
        self.out_dim: int = transformer.pos_conv_embed.embed_dim * self.mix.joined
        fallback = AUDIO_PRESETS[config.preset]["normalize"]  # settings of older runs do not say it
        self.normalize: bool = fallback if config.normalize is None else config.normalize
        self.relative_positions = has_relative_positions(transformer.layers[0].attention)
        self.checkpointing = config.gradient_checkpointing
        self.frozen = config.freeze
        if config.freeze:
            self.requires_grad_(False)
        if config.freeze_extractor:
            self.feature_extractor.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> "Wav2Vec":
        """Switch dropout and masks on or off; a frozen branch stays as in evaluation."""
        return super().train(mode and not self.frozen)

    def _leave_out(self, config: AudioConfig) -> None:
        """Remove the layers that `config` leaves out, and the norm that would follow the last of all."""
        transformer, used = self.encoder.transformer, config.layers_kept
        require_layers(config, len(transformer.layers))
        if used < len(transformer.layers) and self.final_norm:
            transformer.layer_norm, self.final_norm = nn.Identity(), False
        del transformer.layers[used:]

    def layers(self) -> list[list[nn.Module]]:
        """The modules that have weights, each once, from input to output: what learns at the same rate together."""
        transformer = self.encoder.transformer
        embedding = [self.encoder.feature_projection, transformer.pos_conv_embed]
        groups = [[self.feature_extractor], embedding, *([layer] for layer in transformer.layers)]
        (embedding if transformer.layer_norm_first else groups[-1]).append(transformer.layer_norm)
        groups[-1].append(self.mix)
        return groups

    def forward(self, waveform: Tensor, num_samples: Tensor) -> Tokens:
        """Tokens of waveforms `(batch, samples)` float32 at 16 kHz, of which the first `num_samples` (batch,) are true.

        A clip shorter than the receptive field is padded to it and gives one token; one of 0 samples gives none. A
        token's time is the middle of the samples that the extractor saw for it.
        """
        extractor = self.feature_extractor
        waveform = prepare_waveform(waveform, num_samples, normalize=self.normalize, shortest=extractor.receptive_field)
        present = num_samples > 0
        features, num_tokens = extractor(waveform, num_samples.clamp(min=extractor.receptive_field) * present)
        mask = length_mask(num_tokens, features.shape[1])  # (batch, time)
        if self.training:
            features = mask_features(features, num_tokens, *self.masks)
        values = self.mix(self._encode(features, mask)).masked_fill(~mask.unsqueeze(-1), 0)
        steps = torch.arange(features.shape[1], device=waveform.device)
        times = (steps * extractor.hop + extractor.receptive_field / 2) / self.sample_rate  # (time,) s
        return Tokens(values, times.expand(mask.shape), mask)

    def _encode(self, features: Tensor, mask: Tensor) -> list[Tensor]:
        """Input of the first layer and output of every layer, `(batch, time, dim)` each."""
        transformer = self.encoder.transformer
        values = self.encoder.feature_projection(features).masked_fill(~mask.unsqueeze(-1), 0)
        values = values + transformer.pos_conv_embed(values)
        if transformer.layer_norm_first:
            values = transformer.layer_norm(values)
        hidden = [transformer.dropout(values)]
        # A clip without any token may look at all of its zeros: a softmax over nothing is NaN.
        visible = mask | ~mask.any(1, keepdim=True)
        padding = torch.zeros_like(visible, dtype=next(self.parameters()).dtype).masked_fill(~visible, -math.inf)
        square = repeat(visible, "batch key -> batch 1 query key", query=visible.shape[1])
        position_bias = None
        for layer in transformer.layers:
            masks = (None, position_bias, padding) if self.relative_positions else (square, None, None)
            values, position_bias = self._run_layer(layer, hidden[-1], *masks)
            hidden.append(values)
        if self.final_norm:
            hidden[-1] = transformer.layer_norm(hidden[-1])
        return hidden

    def _run_layer(self, layer: nn.Module, *arguments: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if self.checkpointing and self.training:
            return checkpoint(layer, *arguments, use_reentrant=False)
        return layer(*arguments)


def _build_pretrained(config: AudioConfig) -> nn.Module:
    for name, fixed in AUDIO_PRESETS[config.preset].items():
        chosen = getattr(config, name)
        if chosen != fixed and name != "normalize":  # what the network hears, not what it is
            raise UserError(f"--model.audio.{name} is {chosen}, but preset {config.preset} has {fixed}; leave it out, "
                            f"or choose --model.audio.preset tiny.")
    return BUILDERS[config.preset](
        encoder_projection_dropout=config.dropout, encoder_attention_dropout=config.dropout,
        encoder_ff_interm_dropout=config.dropout, encoder_dropout=config.dropout, encoder_layer_drop=0.0)


def _build_tiny(config: AudioConfig) -> nn.Module:
    narrow = config.dim // 2
    return build_network(
        extractor_mode="layer_norm",
        extractor_conv_layer_config=[(narrow, 10, 5), *[(narrow, 3, 2)] * 4, (narrow, 2, 2), (config.dim, 2, 2)],
        extractor_conv_bias=True,
        encoder_embed_dim=config.dim,
        encoder_projection_dropout=config.dropout,
        encoder_pos_conv_kernel=31,
        encoder_pos_conv_groups=math.gcd(config.dim, 16),
        encoder_num_layers=config.layers,
        encoder_num_heads=config.heads,
        encoder_attention_dropout=config.dropout,
        encoder_ff_interm_features=4 * config.dim,
        encoder_ff_interm_dropout=config.dropout,
        encoder_dropout=config.dropout,
        encoder_layer_norm_first=True,  # trains from random weights without a long warm-up
        encoder_layer_drop=0.0,
        aux_num_out=None,
    )

"""The speech branch with an encoder that the library transformers runs: Moonshine, SEW, UniSpeech, data2vec, ..."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vaer.config import AudioConfig
from vaer.errors import UserError
from vaer.models.audio.masking import length_mask, mask_features
from vaer.models.audio.waveform import prepare_waveform
from vaer.models.layers.convolution import as_products
from vaer.models.layers.mix import reader_of, require_layers
from vaer.records import Tokens


class Anatomy(NamedTuple):
    """Where the parts of an encoder are found."""

    extractor: tuple[str, ...] = ("feature_extractor",)
    """What turns the waveform into features."""
    layers: str = "encoder.layers"
    """The list of transformer layers."""
    unused: tuple[str, ...] = ("masked_spec_embed",)
    """What the tokens do not depend on: weights without a gradient would stop training on several processes."""
    final_norm: str | None = "encoder.layer_norm"
    """The norm behind the last layer, where the settings have one there; none where there is none."""
    masked: bool = False
    """Whether clips of several lengths run in one pass: attention sees a mask, and nothing else looks across time."""


ENCODERS = {
    "data2vec-audio": Anatomy(),
    "hubert": Anatomy(),
    "moonshine": Anatomy(extractor=("conv1", "conv2", "conv3", "groupnorm"), layers="layers", unused=(),
                         final_norm="layer_norm", masked=True),
    "sew": Anatomy(unused=("encoder.upsample",)),
    "sew-d": Anatomy(layers="encoder.encoder.layer", unused=("encoder.upsample",), final_norm=None),
    "unispeech": Anatomy(),
    "unispeech-sat": Anatomy(),
    "wav2vec2": Anatomy(),
    "wav2vec2-conformer": Anatomy(unused=("masked_spec_embed", "encoder.pos_conv_embed")),
    "wavlm": Anatomy(),
}
"""By the `model_type` of config.json: encoders that hear a waveform of 16 kHz."""

ALWAYS_FINAL = ("moonshine", "wav2vec2-conformer")
"""Families whose norm stands behind the layers whatever `do_stable_layer_norm` says, which moves that of others."""
DROPOUTS = ("attention_dropout", "hidden_dropout", "activation_dropout", "feat_proj_dropout", "conformer_conv_dropout")


class TransformersEncoder(nn.Module):
    """Tokens of a waveform from a Hugging Face encoder and a learned mix of all its layers, or some side by side.

    The input of the first layer belongs to the mix, the last layer enters after the encoder's final norm, unless later
    ones are left out (`layers_used`). Clips of different length run in one pass where the encoder can be masked, else
    one length at a time, without padding: with it and a mask, small random networks of eight of the ten families
    changed the first layer by 0.09 to 0.43 of its largest value. SEW gives the tokens of its squeezed sequence, without
    the upsampling. `encoder.*` has the names that transformers gives.
    """

    sample_rate = 16000
    """Hz."""

    def __init__(self, *, config: AudioConfig) -> None:
        super().__init__()
        self.encoder = build_encoder(config)
        settings = self.encoder.config
        self.anatomy = ENCODERS[settings.model_type]
        self.hop, self.receptive_field = 1, 1
        for kernel, stride in _strides(self.encoder):
            self.receptive_field += (kernel - 1) * self.hop
            self.hop *= stride
        self.mix = reader_of(config, 1 + len(self.encoder.get_submodule(self.anatomy.layers)))
        self.out_dim: int = settings.hidden_size * self.mix.joined
        self.masks = config.time_masks, config.band_masks
        self.num_tokens: Tensor | None = None
        """(batch,) of the pass under way, where it has several lengths."""
        self._extractor_end().register_forward_hook(self._mask)
        as_products(self.encoder)
        if self.anatomy.masked:
            self.encoder.groupnorm.__class__ = MaskedGroupNorm  # same weights under the same names
            self.encoder.groupnorm.lengths = None
        self.normalize = config.normalize
        if config.gradient_checkpointing:
            self.encoder.activation_checkpointing_enable({"use_reentrant": False})
        self.frozen = config.freeze
        if config.freeze:
            self.requires_grad_(False)
        if config.freeze_extractor:
            for module in self._extractor():
                module.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> "TransformersEncoder":
        """Switch dropout on or off; a frozen branch stays as in evaluation."""
        return super().train(mode and not self.frozen)

    def layers(self) -> list[list[nn.Module]]:
        """The modules that have weights, each once, from input to output: what learns at the same rate together.

        Norms and projections around the layers stand in the second group, as the first layer's input does.
        """
        extractor = self._extractor()
        stack = self.encoder.get_submodule(self.anatomy.layers)
        around = list(_without(self.encoder, {*extractor, stack}))
        groups = [extractor, around, *([layer] for layer in stack)]
        groups[-1].append(self.mix)
        return groups

    def forward(self, waveform: Tensor, num_samples: Tensor) -> Tokens:
        """Tokens of waveforms `(batch, samples)` float32 at 16 kHz, of which the first `num_samples` (batch,) are true.

        A clip shorter than the receptive field is padded to it and gives one token; one of 0 samples gives none. A
        token's time is the middle of the samples that the extractor saw for it.
        """
        waveform = prepare_waveform(waveform, num_samples, normalize=self.normalize, shortest=self.receptive_field)
        lengths = num_samples.clamp(min=self.receptive_field)
        num_tokens = (lengths - self.receptive_field).div(self.hop, rounding_mode="floor") + 1
        width = (waveform.shape[1] - self.receptive_field) // self.hop + 1
        mask = length_mask(num_tokens * (num_samples > 0), width)
        values = (self._together if self.anatomy.masked else self._apart)(waveform, lengths, num_tokens)
        values = values.masked_fill(~mask.unsqueeze(-1), 0)
        times = (torch.arange(width, device=waveform.device) * self.hop + self.receptive_field / 2) / self.sample_rate
        return Tokens(values, times.expand(mask.shape), mask)

    def _together(self, waveform: Tensor, lengths: Tensor, num_tokens: Tensor) -> Tensor:
        """The mix of the layers, `(batch, time, dim)`, of all clips in one pass."""
        first, self.num_tokens = self.encoder.conv1, num_tokens
        steps = (lengths - first.kernel_size[0]).div(first.stride[0], rounding_mode="floor") + 1
        self.encoder.groupnorm.lengths = steps
        real = length_mask((num_tokens - 1) * self.hop + 1, waveform.shape[1])  # of which it reads every hop-th sample
        hidden = self._encode(waveform, attention_mask=real.long())
        self.encoder.groupnorm.lengths = self.num_tokens = None
        return self.mix(hidden)

    def _apart(self, waveform: Tensor, lengths: Tensor, _: Tensor) -> Tensor:
        """The mix of the layers, `(batch, time, dim)`, of clips of one length after those of another."""
        width = (waveform.shape[1] - self.receptive_field) // self.hop + 1
        groups, rows = [], []
        for length in lengths.unique().tolist():
            rows.append((lengths == length).nonzero().squeeze(1))
            values = self.mix(self._encode(waveform[rows[-1], :length]))  # (rows, time, dim)
            assert values.shape[1] == (length - self.receptive_field) // self.hop + 1, "tokens are counted as made"
            groups.append(nn.functional.pad(values, (0, 0, 0, width - values.shape[1])))
        return torch.cat(groups)[torch.cat(rows).argsort()]

    def _encode(self, waveform: Tensor, **mask: Tensor | None) -> list[Tensor]:
        """Input of the first layer and output of every layer, `(batch, time, dim)` each."""
        output = self.encoder(waveform, output_hidden_states=True, **mask)
        hidden = list(output.hidden_states)
        if output.last_hidden_state.shape == hidden[-1].shape:
            hidden[-1] = output.last_hidden_state  # large kinds collect the last layer before the final norm
        return hidden

    def _mask(self, _: nn.Module, __: tuple[Tensor, ...], features: Tensor) -> Tensor:
        """Features `(batch, dim, time)` of which a training clip lacks stretches of time and of channels."""
        if not self.training or not any(self.masks):
            return features
        lengths = self.num_tokens
        if lengths is None:  # all are true
            lengths = torch.full((len(features),), features.shape[2], device=features.device)
        return mask_features(features.mT, lengths, *self.masks).mT

    def _extractor_end(self) -> nn.Module:
        return [module for module in self._extractor() if not isinstance(module, nn.GroupNorm)][-1]

    def _extractor(self) -> list[nn.Module]:
        return [self.encoder.get_submodule(name) for name in self.anatomy.extractor]


def build_encoder(config: AudioConfig) -> nn.Module:
    """The encoder that `config.architecture` describes, with random weights, without masks and without layer drop.

    Raises UserError where the library is missing or cannot build it, or where it is not one of `ENCODERS`.
    """
    require_waveform_encoder(config.architecture)
    try:
        from huggingface_hub.errors import StrictDataclassError
        from transformers import AutoConfig, AutoModel
    except ImportError as error:
        raise UserError("--model.audio.kind transformers needs the library of that name, which is not installed; "
                        "install it by: pip install 'vaer[hf]'.") from error
    silenced = {name: config.dropout for name in DROPOUTS if name in config.architecture}
    wanted = config.architecture | silenced | {
        "apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0, "layerdrop": 0.0,
        "add_adapter": False, "dtype": "float32"}
    try:
        settings = AutoConfig.for_model(**wanted)
        encoder = AutoModel.from_config(settings)
    except (StrictDataclassError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--model.audio.architecture: transformers cannot build this {wanted['model_type']} "
                        f"({reason}); take the config.json that came with the weights.") from error
    if settings.is_encoder_decoder:
        encoder = encoder.get_encoder()
    if config.layers_kept is not None:
        _leave_out(encoder, config)
    for name in ENCODERS[settings.model_type].unused:
        parent, _, child = name.rpartition(".")
        owner = encoder.get_submodule(parent)
        if hasattr(owner, child):
            setattr(owner, child, nn.Identity() if isinstance(getattr(owner, child), nn.Module) else None)
    return encoder


def _leave_out(encoder: nn.Module, config: AudioConfig) -> None:
    """Remove the layers that `config` leaves out, and the norm that would follow the last of all."""
    anatomy, settings = ENCODERS[encoder.config.model_type], encoder.config
    stack, used = encoder.get_submodule(anatomy.layers), config.layers_kept
    require_layers(config, len(stack))
    if used == len(stack):
        return
    del stack[used:]
    final = settings.model_type in ALWAYS_FINAL or getattr(settings, "do_stable_layer_norm", False)
    if final and anatomy.final_norm is not None:
        owner, _, name = anatomy.final_norm.rpartition(".")
        setattr(encoder.get_submodule(owner), name, nn.Identity())


class MaskedGroupNorm(nn.GroupNorm):
    """A norm over all channels and steps of `(batch, channels, time)`, of which the first `lengths` (batch,) count."""

    lengths: Tensor | None
    """None while all steps are true."""

    def forward(self, values: Tensor) -> Tensor:
        """The same shape; what stands after a clip's true steps is of no use."""
        if self.lengths is None:
            return super().forward(values)
        assert self.num_groups == 1, "all channels together"
        values = values.float()
        mask = length_mask(self.lengths, values.shape[-1]).unsqueeze(1)  # (batch, 1, time)
        count = (self.lengths * values.shape[1]).to(values.dtype)[:, None, None]
        centered = (values - (values * mask).sum((1, 2), keepdim=True) / count) * mask
        deviation = (centered.square().sum((1, 2), keepdim=True) / count + self.eps).rsqrt()
        return torch.addcmul(self.bias[:, None], centered, deviation * self.weight[:, None])


def require_waveform_encoder(architecture: dict[str, Any]) -> None:
    """Raise UserError unless `model_type` is one of `ENCODERS`."""
    family = architecture.get("model_type")
    if family not in ENCODERS:
        raise UserError(f"--model.audio.kind transformers: {family} is no encoder that hears the waveform itself "
                        f"(whisper and other log-mel encoders do not); choose a checkpoint of {', '.join(ENCODERS)}.")


def _strides(encoder: nn.Module) -> list[tuple[int, int]]:
    """Kernel and stride, in samples of its input, of each convolution from the waveform to the tokens."""
    settings = encoder.config
    if settings.model_type == "moonshine":
        return [(conv.kernel_size[0], conv.stride[0]) for conv in (encoder.conv1, encoder.conv2, encoder.conv3)]
    squeeze = getattr(settings, "squeeze_factor", 1)  # SEW averages so many features into one token
    return [*zip(settings.conv_kernel, settings.conv_stride, strict=True), (squeeze, squeeze)]


def _without(module: nn.Module, taken: set[nn.Module]) -> Iterator[nn.Module]:
    """The largest modules with weights inside `module` that hold none of `taken`."""
    for child in module.children():
        if child in taken:
            continue
        if not taken.isdisjoint(child.modules()):
            yield from _without(child, taken)
        elif any(True for _ in child.parameters()):
            yield child

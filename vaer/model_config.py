"""The settings of the network: its branches and how they are joined."""

from dataclasses import dataclass, field
from typing import Any, Literal

from vaer.checks import require, require_kind, require_range

SLOWFAST_ONLY = ("preset", "pathways", "alpha", "beta_inv", "fusion_kernel", "width", "blocks", "slow_temporal_blocks",
                 "fast_temporal_blocks", "drop_path")
ALL_LAYERS = {"layers_used": None, "layers_joined": None, "mix_start": None}
"""Settings of AudioConfig with which an encoder has all its layers."""
TIMM_ONLY = ("network", "layers", "dim", "heads", "freeze_network")


@dataclass(frozen=True)
class VideoConfig:
    """The video branch; what is left at none is filled in by the preset, or by what is usual for its kind."""

    enabled: bool = True
    """Whether the branch is built."""
    kind: Literal["slowfast", "timm"] = "slowfast"
    """The family of the branch; timm: an image network of that library on each frame, attention over time behind it."""
    preset: Literal["tiny", "r50_4x16", "r50_8x8", "r101_50_50", "r101_50_101", "r101_101_101"] = "r50_8x8"
    """slowfast only: size of the network, with random weights; the r* ones are those of the SlowFast paper and its
    zoo."""
    network: str | None = None
    """timm only: the image network by timm's name, such as resnet50 or vit_small_patch16_224; none takes the NAME of
    model.video.pretrained timm:NAME."""
    layers: int | None = None
    """timm only: transformer layers over time behind the image network; 0 gives its vectors as they are."""
    dim: int | None = None
    """timm only: width of those layers."""
    heads: int | None = None
    """timm only: attention heads of those layers."""
    freeze_network: bool = False
    """timm only: keep the image network alone as it is; the layers over time still learn."""
    pathways: Literal["both", "slow", "fast"] = "both"
    """slowfast only: which pathways are built; `slow` has no lateral connections and gives tokens at the slow rate."""
    alpha: int | None = None
    """Frame-rate ratio of the fast to the slow pathway; data.num_frames is a multiple of it."""
    beta_inv: int | None = None
    """Width ratio of the slow to the fast pathway."""
    fusion_kernel: int | None = None
    """Length in time of the lateral convolutions, odd."""
    width: int | None = None
    """Channels of the slow pathway's stem."""
    blocks: list[int] | None = None
    """Bottleneck blocks of the four stages."""
    slow_temporal_blocks: int | None = None
    """How many blocks of the slow pathway's third stage (res4) convolve over time."""
    fast_temporal_blocks: int | None = None
    """How many blocks of the fast pathway's third stage (res4) convolve over time."""
    standardize: bool = False
    """Give each colour of a clip mean 0 and deviation 1 over all its frames, so that skin, light and walls differ
    less; published weights are not used to it."""
    freeze: bool = False
    """Keep the branch's weights and statistics as they are; its head still learns."""
    freeze_batchnorm: bool | None = None
    """Keep the batch-norm statistics as they are; none means: when the run starts from other weights."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    dropout: float = 0.5
    """Dropout before the branch's own head, 0 to 1."""
    drop_path: float = 0.0
    """slowfast only: probability that a training clip goes without the last block of a pathway, earlier blocks
    evenly less, 0 to 1."""
    pretrained: str | None = None
    """Weights that the branch starts from: a file of a SlowFast network, of a 2D ResNet or, for kind timm, of its
    network, timm:NAME (which downloads), or the folder of a run; `vaer weights PATH` tells which settings a file
    fits."""

    def __post_init__(self) -> None:
        require_range("model.video.alpha", self.alpha, 1)
        require_range("model.video.beta_inv", self.beta_inv, 1)
        require_range("model.video.width", self.width, 1)
        require_range("model.video.fusion_kernel", self.fusion_kernel, 1)
        require_range("model.video.blocks", min(self.blocks, default=0) if self.blocks else None, 1)
        require_range("model.video.slow_temporal_blocks", self.slow_temporal_blocks, 0)
        require_range("model.video.fast_temporal_blocks", self.fast_temporal_blocks, 0)
        require_range("model.video.dropout", self.dropout, 0, 1)
        require_range("model.video.drop_path", self.drop_path, 0, 1)
        require_range("model.video.layers", self.layers, 0)
        require_range("model.video.dim", self.dim, 2)
        require_range("model.video.heads", self.heads, 1)
        require_kind("model.video", self, {"slowfast": SLOWFAST_ONLY, "timm": TIMM_ONLY})
        require(self.fusion_kernel is None or self.fusion_kernel % 2 == 1,
                f"--model.video.fusion_kernel is {self.fusion_kernel}; it must be odd.")
        require(self.blocks is None or len(self.blocks) == 4,
                f"--model.video.blocks is {self.blocks}; it must hold four counts, such as [3, 4, 6, 3].")


@dataclass(frozen=True)
class AudioConfig:
    """The speech branch; what is left at none is filled in by the preset."""

    enabled: bool = True
    """Whether the branch is built."""
    kind: Literal["wav2vec", "transformers"] = "wav2vec"
    """The family of the branch; transformers: the encoder of a Hugging Face checkpoint, run by that library."""
    preset: Literal["tiny", "wav2vec2_base", "wav2vec2_large", "wav2vec2_large_lv60k", "wav2vec2_xlsr_300m",
                    "wav2vec2_xlsr_1b", "wav2vec2_xlsr_2b", "hubert_base", "hubert_large", "hubert_xlarge",
                    "wavlm_base", "wavlm_large"] = "wav2vec2_base"
    """Size of the network, with random weights: as torchaudio builds them, or `tiny`, meant for small corpora."""
    extractor: Literal["convolutions", "filterbank"] | None = None
    """What turns the waveform into features: wav2vec 2.0's strided convolutions or learned band filters."""
    layers: int | None = None
    """Transformer layers, where the preset does not fix them (tiny)."""
    dim: int | None = None
    """Width of the transformer, where the preset does not fix it (tiny)."""
    heads: int | None = None
    """Attention heads, where the preset does not fix them (tiny)."""
    normalize: bool | None = None
    """Scale every waveform to mean 0 and variance 1; none takes what the checkpoint says, or else the preset."""
    band_levels: bool = False
    """Preset tiny only, with normalize false: tokens know how loud each band is, too. For takes whose levels compare:
    one distance and one gain for all."""
    band_gains_db: float = 0.0
    """With band_levels: standard deviation, dB, of random gains over the bands of a training clip, as through another
    microphone; 0 changes none."""
    architecture: dict[str, Any] | None = None
    """Transformers only: what its config.json says, filled in from model.audio.pretrained."""
    freeze: bool = False
    """Keep the branch's weights as they are; its head still learns."""
    freeze_extractor: bool = False
    """Keep the weights of the feature extractor alone as they are."""
    time_masks: int = 0
    """Stretches of time hidden in a training clip's features."""
    band_masks: int = 0
    """Groups of neighbouring bands (filterbank) or channels of the features hidden in a training clip."""
    layers_used: int | None = None
    """Transformer layers that run; later ones are left out, and the norm behind the last with them. None uses all."""
    mix_start: list[int] | None = None
    """Layers that the mix starts at, 0 being the input of the first; none starts evenly. Others begin at a trace."""
    layers_joined: list[int] | None = None
    """Layers that stand side by side in every token, such as [2, 4], in place of a mix of all; 0 is the input of the
    first. Later ones are left out."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    dropout: float = 0.1
    """Dropout inside the transformer, 0 to 1."""
    drop_path: float = 0.0
    """wav2vec only: probability that a training clip goes without the attention, and without the feed-forward part,
    of the last layer, earlier layers evenly less, 0 to 1."""
    head_dropout: float | None = None
    """Dropout before the branch's own head, 0 to 1; none takes that of the transformer, or 0 with train.probe_first,
    which it would undo."""
    pretrained: str | None = None
    """Weights that the branch starts from: the name of a published speech encoder (which downloads), its folder, or
    the folder of a run; `vaer weights PATH` tells which settings it fits."""

    def __post_init__(self) -> None:
        require_range("model.audio.layers", self.layers, 1)
        require_range("model.audio.dim", self.dim, 8)
        require_range("model.audio.heads", self.heads, 1)
        require_range("model.audio.time_masks", self.time_masks, 0)
        require_range("model.audio.band_masks", self.band_masks, 0)
        require_range("model.audio.layers_used", self.layers_used, 1)
        require(self.mix_start is None or min(self.mix_start, default=-1) >= 0,
                f"--model.audio.mix_start {self.mix_start} must hold numbers of layers, from 0.")
        joined = self.layers_joined
        require(joined is None or (min(joined, default=-1) >= 0 and max(joined) > 0 and len({*joined}) == len(joined)),
                f"--model.audio.layers_joined {joined} must hold numbers of layers, each once, the largest over 0.")
        for name in ("layers_used", "mix_start"):
            require(joined is None or getattr(self, name) is None,
                    f"--model.audio.layers_joined {joined} says which layers are read, as --model.audio.{name} "
                    f"{getattr(self, name)} does; leave one of them out.")
        require_range("model.audio.dropout", self.dropout, 0, 1)
        require_range("model.audio.drop_path", self.drop_path, 0, 1)
        require_kind("model.audio", self, {"wav2vec": ("drop_path", "band_levels")})
        require_range("model.audio.head_dropout", self.head_dropout, 0, 1)
        require(self.dim is None or self.heads is None or self.dim % self.heads == 0,
                f"--model.audio.dim {self.dim} is not a multiple of --model.audio.heads {self.heads}.")
        sized = [name for name in ("extractor", "layers", "dim", "heads") if getattr(self, name) is not None]
        require(self.kind == "wav2vec" or not sized,
                f"--model.audio.{', '.join(sized)} cannot be chosen with --model.audio.kind transformers, whose sizes "
                f"are those of its checkpoint; leave it out.")
        fits = self.preset == "tiny" and self.extractor != "convolutions" and self.normalize is False
        require(fits or not self.band_levels,
                "--model.audio.band_levels true is for the filterbank of --model.audio.preset tiny and waveforms as "
                "they are, --model.audio.normalize false; give these, or leave it out.")
        require_range("model.audio.band_gains_db", self.band_gains_db, 0, 30)
        require(self.band_levels or not self.band_gains_db,
                f"--model.audio.band_gains_db {self.band_gains_db} changes nothing without --model.audio.band_levels "
                f"true; set that, or leave the gains out.")
        require(self.kind == "transformers" or self.architecture is None,
                f"--model.audio.architecture belongs to --model.audio.kind transformers (now {self.kind}); leave it "
                f"out.")

    @property
    def layers_kept(self) -> int | None:
        """How many transformer layers are built; none: all."""
        return self.layers_used if self.layers_joined is None else max(self.layers_joined)

    @property
    def layers_flag(self) -> str:
        """The flag that leaves layers out, and its value."""
        name = "layers_used" if self.layers_joined is None else "layers_joined"
        return f"--model.audio.{name} {getattr(self, name)}"


@dataclass(frozen=True)
class FusionConfig:
    """How the two branches are joined."""

    kind: Literal["cross_attention", "bottleneck", "gated", "concat", "mean"] = "cross_attention"
    """cross_attention: tokens attend to each other over time; bottleneck: they meet in a few shared tokens; gated: a
    gate weighs the two pooled vectors; concat: a network on them; mean: the mean of the two branches' logits."""
    layers: int = 2
    """cross_attention and bottleneck only: layers, each letting video attend to audio and audio to video, or each
    modality to itself and the shared tokens."""
    dim: int = 256
    """Width of the joint space."""
    heads: int = 4
    """cross_attention and bottleneck only: attention heads."""
    bottlenecks: int = 4
    """bottleneck only: shared tokens."""
    dropout: float = 0.1
    """Dropout in the layers and before the classifier, 0 to 1."""
    add_heads: bool = False
    """All kinds but mean: the fused logits are those of its classifier plus those of the two branches' heads, so that
    it starts from the product of their answers."""

    def __post_init__(self) -> None:
        require(self.kind != "mean" or not self.add_heads,
                "--model.fusion.add_heads is for kinds with a classifier of their own; mean is made of heads alone.")
        require_range("model.fusion.layers", self.layers, 1)
        require_range("model.fusion.bottlenecks", self.bottlenecks, 1)
        require_range("model.fusion.dim", self.dim, 1)
        require_range("model.fusion.heads", self.heads, 1)
        require_range("model.fusion.dropout", self.dropout, 0, 1)
        require(self.kind not in ("cross_attention", "bottleneck") or self.dim % self.heads == 0,
                f"--model.fusion.dim {self.dim} is not a multiple of --model.fusion.heads {self.heads}.")
        require(self.kind == "bottleneck" or self.bottlenecks == FusionConfig.bottlenecks,
                f"--model.fusion.bottlenecks is for --model.fusion.kind bottleneck, not {self.kind}; leave it out.")
        require(self.kind != "bottleneck" or self.layers > 1,
                "--model.fusion.layers 1 lets nothing pass through --model.fusion.kind bottleneck, whose tokens are "
                "read a layer after they were written; take 2 or more.")
        require(self.kind != "bottleneck" or self.dim % 2 == 0,
                f"--model.fusion.dim {self.dim} is odd, and a moment is told by pairs of a sine and a cosine; take an "
                f"even one for --model.fusion.kind bottleneck.")


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    video: VideoConfig = field(default_factory=VideoConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    modality_dropout: float = 0.0
    """Probability that a training clip that has both modalities loses one of them (either, evenly), 0 to 1."""
    speaker_norm: bool = False
    """Centre and scale embeddings per speaker before each classifier; a test speaker's mean and deviation are those of
    the unlabelled clips at hand, and every score says so."""
    init: str | None = None
    """A run folder whose best weights this run starts from; classifiers of other classes are left out, and said."""

    def __post_init__(self) -> None:
        require_range("model.modality_dropout", self.modality_dropout, 0, 1)
        require(self.video.enabled or self.audio.enabled,
                "--model.video.enabled and --model.audio.enabled are both false; leave one branch on.")

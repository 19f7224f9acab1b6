"""Every setting of a run: name, type, default and one sentence, from which flags, YAML and help are made."""

import dataclasses
from argparse import ArgumentError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import yaml
from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from vaer.atomic_files import write_text
from vaer.checks import require, require_range
from vaer.choose import choose
from vaer.data.corpora import CORPORA
from vaer.data.corpora.settings import CorpusSettings
from vaer.errors import UserError, as_text
from vaer.label_map import MODE
from vaer.model_config import ALL_LAYERS, AudioConfig, FusionConfig, ModelConfig, VideoConfig  # noqa: F401  all sections from here
from vaer.placeholders import describe_placeholder
from vaer.presets import AUDIO_PRESETS, TIMM_USUAL, VIDEO_PRESETS
from vaer.train_config import TrainConfig

Settings = TypeVar("Settings")
HOW_IT_RAN = {"output", "data.root", "data.num_workers", "data.decoder", "data.decode_device", "train.resume",
              "train.save_steps", "train.log_steps", "train.tracker"}
"""Settings that say where a run lies, how its files are read, what is saved and told; none changes what it learns."""
STARTS = ("model.init", "model.video.pretrained", "model.audio.pretrained")
"""Settings that name what a run starts from."""
SAMPLE_RATE = 16_000  # Hz of every waveform
CorpusName = Literal["ravdess", "demo", "csv", "folders"]
"""The keys of `vaer.data.corpora.CORPORA`."""
DecoderName = Literal["auto", "decord", "torchcodec", "pyav"]
DecodeDevice = Literal["cpu", "cuda"]
TIMM = "timm:"
"""What stands before a name of timm's where weights are named."""


@dataclass(frozen=True)
class AugmentConfig:
    """What is changed at random in training clips."""

    flip: float = 0.5
    """Probability of mirroring the frames, 0 to 1."""
    zoom: float = 1.0
    """Largest random enlargement before the frames are cropped at a random place; 1 takes the middle as it is."""
    brightness: float = 0.0
    """Largest relative change of brightness and of contrast, 0 to 1, the same for all frames of a clip."""
    color: float = 0.0
    """Largest relative change of each colour channel by itself, 0 to 1, the same for all frames of a clip."""
    speed: float = 0.0
    """Largest relative change of playing speed (pitch follows), 0 to 0.5; frames and audio stay together."""
    gain_db: float = 0.0
    """Largest change of loudness in either direction, dB."""
    noise_db: float | None = None
    """Loudest white noise added, dB relative to the clip's level (-15 is audible, -40 is not); none adds nothing."""
    pitch: float = 0.0
    """Largest change of pitch in either direction, semitones, 0 to 12; the clip stays as long as it is."""
    formants: float = 0.0
    """Largest relative change of a voice's formants in either direction, 0 to 0.5: another vocal tract, at the same
    pitch and length."""
    reverb_s: float = 0.0
    """Longest reverberation added, seconds in which it falls by 60 dB (a living room: 0.5), 0 to 5."""
    crop: float = 1.0
    """Smallest share of a whole clip that a window takes, at a random place, 0.1 to 1; 1 takes all of it."""

    def __post_init__(self) -> None:
        require_range("data.augment.flip", self.flip, 0, 1)
        require_range("data.augment.zoom", self.zoom, 1, 4)
        require_range("data.augment.brightness", self.brightness, 0, 1)
        require_range("data.augment.color", self.color, 0, 1)
        require_range("data.augment.speed", self.speed, 0, 0.5)
        require_range("data.augment.gain_db", self.gain_db, 0, 60)
        require_range("data.augment.noise_db", self.noise_db, -120, 20)
        require_range("data.augment.pitch", self.pitch, 0, 12)
        require_range("data.augment.formants", self.formants, 0, 0.5)
        require_range("data.augment.reverb_s", self.reverb_s, 0, 5)
        require_range("data.augment.crop", self.crop, 0.1, 1)


@dataclass(frozen=True)
class ClipConfig:
    """How a clip is cut from a file: all that windows, decoding and prediction must know; `best/` keeps it."""

    num_frames: int = 32
    """Frames of a window."""
    size: int = 224
    """Height and width of the frames, pixels."""
    window_s: float | None = None
    """Length of a window in seconds (training: at a random place); none takes the whole clip."""
    max_seconds: float = 10.0
    """A whole clip longer than this is cut to its middle, seconds."""
    trim_db: float | None = None
    """Windows lie between the first and the last sound that is less than this many dB under the loudest; none
    uses the whole clip."""
    sample_rate: ClassVar[int] = SAMPLE_RATE
    """Hz of the waveform; no other one is read."""

    def __post_init__(self) -> None:
        require_range("data.num_frames", self.num_frames, 1, 1024)
        require_range("data.size", self.size, 16, 1024)
        require_range("data.window_s", self.window_s, 0.1)
        require_range("data.max_seconds", self.max_seconds, 0.1)
        require_range("data.trim_db", self.trim_db, 1, 120)


@dataclass(frozen=True)
class DataConfig(CorpusSettings, ClipConfig):
    """Which corpus, who is tested, and how clips are cut."""

    corpus: CorpusName = "ravdess"
    """How the folder is read; csv: a table of one's own with the columns path, label and, if known, speaker; folders: a
    folder for each label."""
    root: str = "data/ravdess"
    """The folder of the corpus; csv: the folder that holds table.csv, or a table itself."""
    protocol: str = "ravdess_contig6"
    """Who trains and who is tested: a name of vaer/data/protocols.json, a CSV file of id, side (train, validation or
    test) and, if it has several, fold; `speakersK` (K folds, in each of which one K-th of the speakers is tested and
    the next one selects; speakers5, say), `repetition` (first ones train, second ones test, of the same speakers) or
    `all_train` (nobody is tested)."""
    fold: int | Literal["all"] = 0
    """Which fold of the protocol, from 0; all trains one after the other, each into a folder of its own."""
    validation: Literal["select", "train"] = "select"
    """What validation clips are for: they select the epoch, or they train too and the last epoch counts."""
    allow_missing: bool = False
    """Train although the corpus lacks takes of speakers that the protocol names."""
    lift_guard: bool = False
    """Train although a speaker, a take or a file stands on two sides of the split; every score says so."""
    face_margin: float | None = None
    """Frames show a face that was cut out elsewhere with so much around it on every side, as a share of its size:
    prediction cuts faces out of whole scenes in the same way. None: frames are as filmed, or as `vaer prepare` says."""
    bucketing: bool = False
    """Steps hold clips of like length, so that less of the audio is padding."""
    num_workers: int = 2
    """Processes that decode, for each process that trains; 0 decodes in between."""
    decoder: DecoderName = "auto"
    """What decodes frames; auto takes what is fast: decord or, near the start of a file, pyav; torchcodec, if it is
    there, where decord is not."""
    decode_device: DecodeDevice = "cpu"
    """Where frames are decoded; cuda wants decord built with CUDA, or torchcodec and NVDEC, and starts the decoding
    processes anew instead of forking them."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        ClipConfig.__post_init__(self)
        CorpusSettings.__post_init__(self)
        choose(CORPORA, self.corpus, "data.corpus")
        require_range("data.fold", None if self.fold == "all" else self.fold, 0)
        require_range("data.face_margin", self.face_margin, 0, 4)
        require_range("data.num_workers", self.num_workers, 0, 256)
        self.require_own(self.corpus)

    @property
    def clip(self) -> ClipConfig:
        """How clips are cut, alone."""
        return ClipConfig(**{part.name: getattr(self, part.name) for part in dataclasses.fields(ClipConfig)})


@dataclass(frozen=True)
class EvaluateConfig:
    """How it is scored."""

    views: int = 1
    """Windows of data.window_s whose probabilities are averaged, evenly spread; 1 takes the middle."""
    batch_size: int = 16
    """Clips scored at once; the scores do not depend on it."""
    flags: ClassVar[str] = "evaluate."
    """What stands before a field's name in its flag."""

    def __post_init__(self) -> None:
        require_range(f"{self.flags}views", self.views, 1, 100)
        require_range(f"{self.flags}batch_size", self.batch_size, 1)


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    output: str = "runs/run"
    """The folder of the run."""
    seed: int = 0
    """What everything random is drawn from."""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)

    def __post_init__(self) -> None:
        require_range("seed", self.seed, 0, 2**32 - 2)  # the one after it is used as well
        for name, path in (("output", self.output), ("data.root", self.data.root), ("model.init", self.model.init)):
            require(path is None or as_text(path) == path,
                    f"--{name} {as_text(path or '')}: its name holds bytes that are not UTF-8, and no config.yaml can "
                    f"hold them; rename it, or name a link to it.")


def check_views(views: int, data: DataConfig) -> None:
    """Refuse several views of whole clips: they would all be the same one."""
    require(views == 1 or data.window_s is not None,
            f"--evaluate.views {views} needs --data.window_s: several views of the whole clip are all the same one.")


def resolve(config: Config) -> Config:
    """The same settings with everything that a preset decides filled in; checks what concerns several of them.

    Reads nothing: what a checkpoint decides is filled in before, by `vaer.weights.decide`.
    """
    for branch, section in (("video", config.model.video), ("audio", config.model.audio)):
        require(not section.enabled or section.pretrained is None or config.model.init is None,
                f"--model.init and --model.{branch}.pretrained both say what the {branch} branch starts from; "
                f"leave one of them out.")
    video = _resolve_video(config.model.video)
    audio = _resolve_audio(config)
    if video.freeze_batchnorm is None:
        trained = config.model.init is not None or video.pretrained is not None
        video = dataclasses.replace(video, freeze_batchnorm=trained)
    check_views(config.evaluate.views, config.data)
    video, audio = _resolve_heads(config, video, audio)
    _require_trainable(config)
    require(config.data.window_s is None or config.data.augment.crop == 1,
            f"--data.augment.crop {config.data.augment.crop} is for whole clips; leave it or --data.window_s out.")
    if config.train.compile:
        _require_compilable(video, audio)
    if video.enabled and video.kind == "slowfast" and video.pathways != "fast":
        require(config.data.num_frames % video.alpha == 0,
                f"--data.num_frames {config.data.num_frames} is not a multiple of --model.video.alpha {video.alpha}; "
                f"try {max(1, config.data.num_frames // video.alpha) * video.alpha}.")
    train = config.train
    train = dataclasses.replace(train, video_lr=train.lr if train.video_lr is None else train.video_lr,
                                audio_lr=train.lr if train.audio_lr is None else train.audio_lr)
    return dataclasses.replace(config, train=train, model=dataclasses.replace(config.model, video=video, audio=audio))


def _require_trainable(config: Config) -> None:
    """Refuse ways of learning that want another network."""
    train, model = config.train, config.model
    require(not train.start_decay or _starts(config),
            f"--train.start_decay {train.start_decay} pulls branches back to weights that they start from, and "
            f"none does; leave it out.")
    require(not train.ogm_ge or (model.video.enabled and model.audio.enabled),
            f"--train.ogm_ge {train.ogm_ge} slows the better of two branches, and one is switched off; leave it out.")
    require(not train.mmpareto or (model.video.enabled and model.audio.enabled),
            "--train.mmpareto true weighs the heads of two branches, and one is switched off; leave it out.")
    require(not train.mixup or not model.speaker_norm,
            f"--train.mixup {train.mixup} mixes speakers, to each of whom --model.speaker_norm true adapts; leave one "
            f"of them out.")


def _starts(config: Config) -> bool:
    """Whether a branch starts from weights."""
    on = [section for section in (config.model.video, config.model.audio) if section.enabled]
    return config.model.init is not None or any(section.pretrained is not None for section in on)


def _require_compilable(video: VideoConfig, audio: AudioConfig) -> None:
    """Refuse what torch.compile cannot do, or would do anew at every step."""
    require(not video.enabled or not video.gradient_checkpointing,
            "--model.video.gradient_checkpointing true does not go through --train.compile true, in which norms would "
            "learn from the recomputation, too; leave one of them out.")
    require(not audio.enabled or audio.kind != "transformers",
            "--model.audio.kind transformers reads clips one length at a time, for each of which --train.compile true "
            "would compile it anew; leave the latter out.")


def _resolve_heads(config: Config, video: VideoConfig, audio: AudioConfig) -> tuple[VideoConfig, AudioConfig]:
    """The branches with the dropout before their heads filled in: none before a head that is fitted first."""
    first = config.train.probe_first
    if first:
        require(_starts(config),
                "--train.probe_first true fits heads of branches that start from weights, and none does; give "
                "--model.audio.pretrained, --model.video.pretrained or --model.init.")
        require(not video.enabled or (video.pretrained or config.model.init) is None or video.dropout == 0,
                f"--model.video.dropout {video.dropout} undoes what --train.probe_first true fits; set it to 0.")
        require(not audio.head_dropout,
                f"--model.audio.head_dropout {audio.head_dropout} undoes what --train.probe_first true fits; "
                f"set it to 0, or leave it out.")
    head_dropout = audio.head_dropout if audio.head_dropout is not None else 0.0 if first else audio.dropout
    return video, dataclasses.replace(audio, head_dropout=head_dropout)


def _resolve_video(video: VideoConfig) -> VideoConfig:
    """The video branch's settings with what is usual for its kind filled in."""
    if video.kind == "slowfast":
        return fill(video, VIDEO_PRESETS[video.preset])
    source = video.pretrained or ""
    video = fill(video, TIMM_USUAL | ({"network": source.removeprefix(TIMM)} if source.startswith(TIMM) else {}))
    require(not video.enabled or video.network is not None,
            "--model.video.kind timm needs --model.video.network NAME, such as resnet50; `vaer weights FILE` tells it "
            "of a file that it knows.")
    require(not video.layers or video.dim % video.heads == video.dim % 2 == 0,
            f"--model.video.dim {video.dim} is not even, or not a multiple of --model.video.heads {video.heads}.")
    return video


def _resolve_audio(config: Config) -> AudioConfig:
    """The speech branch's settings with its preset filled in."""
    audio = config.model.audio
    if audio.kind == "wav2vec":
        return fill(audio, AUDIO_PRESETS[audio.preset])
    require(not audio.enabled or audio.architecture is not None,
            f"--model.audio.kind transformers is built as its checkpoint says, and --model.audio.pretrained "
            f"{audio.pretrained} names none; give it a folder with config.json or a name on the Hugging Face hub.")
    # Where the checkpoint does not say: encoders like wav2vec 2.0 with a norm in every convolution were trained so.
    return fill(audio, {"normalize": (audio.architecture or {}).get("feat_extract_norm") == "layer"})


def fill(section: Any, preset: dict[str, Any]) -> Any:
    """The same settings with those that are None taken from `preset`."""
    return dataclasses.replace(section, **{name: value for name, value in preset.items()
                                           if getattr(section, name) is None})


def differing(one: Any, other: Any) -> list[str]:
    """The dotted names of the settings in which two sections, or two whole configs, differ."""
    found = []
    for part in dataclasses.fields(one):
        values = getattr(one, part.name), getattr(other, part.name)
        if dataclasses.is_dataclass(values[0]):
            found += [f"{part.name}.{name}" for name in differing(*values)]
        elif values[0] != values[1]:
            found.append(part.name)
    return sorted(found)


def dotted(section: Any, prefix: str = "") -> dict[str, Any]:
    """Every setting by its dotted name."""
    found: dict[str, Any] = {}
    for part in dataclasses.fields(section):
        value, name = getattr(section, part.name), prefix + part.name
        found |= dotted(value, f"{name}.") if dataclasses.is_dataclass(value) else {name: value}
    return found


def add_settings(parser: ArgumentParser) -> None:
    """Give a parser a flag for every setting, and `--config` for a YAML file of them."""
    parser.add_argument("--config", action="config", help="A YAML file of settings; flags after it override it.")
    add_flags(parser, Config)


def add_flags(parser: ArgumentParser, kind: type) -> None:
    """Give a parser a flag for every field of a dataclass, the text under the field its help."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser.parser_mode = MODE
    parser.add_class_arguments(kind, None)


def config_of(parser: ArgumentParser, parsed: Namespace, kind: type[Settings] = Config) -> Settings:
    """The settings among what a parser read; raises UserError where a value is out of range."""
    try:
        values = parser.instantiate(parsed)
    except TypeError as error:  # the parser lets `train: 3` in a file through
        raise UserError("A section of settings, such as train or model.video, has a single value; write settings under "
                        "its name.") from error
    return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})


def write_config(config: Config, path: Path) -> None:
    """Write every setting, those at none too, as YAML."""
    write_text(path, yaml.safe_dump(dataclasses.asdict(config), sort_keys=False))


def read_config(path: Path) -> Config:
    """The settings of a YAML file; raises UserError where it is missing or holds what is no setting."""
    parser = ArgumentParser(exit_on_error=False)
    add_settings(parser)
    try:
        return config_of(parser, parser.parse_path(path))
    except (ArgumentError, TypeError, UserError, UnicodeDecodeError) as error:
        placeholder = describe_placeholder(path) if path.is_file() else None
        reason = placeholder or f"cannot be read as settings ({error}); is it the config.yaml of a run?"
        raise UserError(f"{path}: {reason}{'.' * bool(placeholder)}") from error

"""How runs are scored: every setting of an evaluation, from which flags, help and `vaer.evaluate` are made."""

import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args

from vaer.checks import require, require_range
from vaer.choose import choose
from vaer.config import (
    HOW_IT_RAN,
    STARTS,
    Config,
    CorpusName,
    DecodeDevice,
    DecoderName,
    EvaluateConfig,
    check_views,
    differing,
)
from vaer.data.corpora import CORPORA, name_of
from vaer.data.corpora.settings import CorpusSettings
from vaer.errors import UserError
from vaer.evaluation.degradations.kinds import named
from vaer.runs.folder import RunFolder

Modality = Literal["video", "audio", "both"]
# What the folds of one study may differ in: where they lie, how they were run, and what follows from the fold.
OF_A_FOLD = HOW_IT_RAN | {*STARTS, "seed", "data.fold", "train.stop_epoch"}


@dataclass(frozen=True)
class Options(CorpusSettings, EvaluateConfig):
    """How runs are scored, beside what their own settings say."""

    flags = ""
    views: int | None = None
    """Windows of a clip whose probabilities are averaged; none takes the run's own setting."""
    modality: Modality = "both"
    """What the network may use: video or audio take the other one away."""
    num_workers: int = 2
    """Processes that decode; 0 decodes in between."""
    corpus: CorpusName | None = None
    """Score on the whole of another corpus, at --root, read like data.corpus in training."""
    root: str | None = None
    """Where the corpus lies now, if not where it lay in training; or where --corpus lies."""
    allow_missing: bool = False
    """Score although the corpus lacks takes of speakers that the protocol names."""
    decoder: DecoderName = "auto"
    """What decodes frames, whatever training did; auto takes what is fast and there."""
    decode_device: DecodeDevice = "cpu"
    """Where frames are decoded, whatever training did."""
    adapt_clips: int | None = None
    """Clips of a test speaker that a run with model.speaker_norm adapts to, drawn by its seed, while all are scored;
    none takes all."""
    robustness: str | None = None
    """Also answer to the clips made worse, step by step: all, or names with commas between, such as noise,blur
    (docs/evaluation.md)."""

    def __post_init__(self) -> None:
        EvaluateConfig.__post_init__(self)
        CorpusSettings.__post_init__(self)
        require_range("num_workers", self.num_workers, 0)
        require_range("adapt_clips", self.adapt_clips, 0)
        require(self.modality in get_args(Modality),
                f"--modality {self.modality!r} is unknown; choose from {', '.join(get_args(Modality))}.")
        if self.robustness is not None:
            named(self.robustness)
        self.require_own(self.corpus)
        if self.corpus is not None:
            choose(CORPORA, self.corpus, "corpus")
            require(self.root is not None, f"--corpus {self.corpus} needs --root, where that corpus lies.")
            name = name_of(self.corpus, self.root)
            require(name not in ("video", "audio"), f"--root {self.root}: files named after a corpus {name} would be "
                                                    f"those of --modality {name}; rename the folder.")

    @property
    def suffix(self) -> str:
        """What the names of the files carry, so that results of other options stay."""
        return "".join([f"_{name_of(self.corpus, self.root)}" if self.corpus else "",
                        "" if self.modality == "both" else f"_{self.modality}",
                        "" if self.views is None else f"_views{self.views}",
                        "" if self.adapt_clips is None else f"_adapt{self.adapt_clips}"])


def settings_of(run: RunFolder, options: Options) -> Config:
    """The settings of a run that trained, changed to what `options` say; raises UserError where they do not go."""
    run.require_trained()
    config = run.settings()
    if options.modality != "both" and not getattr(config.model, options.modality).enabled:
        raise UserError(f"--modality {options.modality}: {run} was trained without that branch.")
    require(options.adapt_clips is None or config.model.speaker_norm,
            f"--adapt_clips {options.adapt_clips}: {run} was trained without --model.speaker_norm; leave it out.")
    views = config.evaluate.views if options.views is None else options.views
    check_views(views, config.data)
    moved = options.root is not None and options.corpus is None
    data = dataclasses.replace(
        config.data, root=options.root if moved else config.data.root,
        allow_missing=config.data.allow_missing or options.allow_missing, decoder=options.decoder,
        decode_device=options.decode_device)
    return dataclasses.replace(config, data=data, evaluate=dataclasses.replace(config.evaluate, views=views))


def branches_of(config: Config) -> list[str]:
    """The branches that the network of a run has."""
    return [name for name in ("video", "audio") if getattr(config.model, name).enabled]


def modality_of(config: Config, options: Options) -> str:
    """What answers are made from: both, or the one modality that a network has or is left."""
    branches = branches_of(config)
    return branches[0] if len(branches) == 1 else options.modality


def require_alike(group: list[RunFolder], settings: dict[RunFolder, Config]) -> None:
    """Refuse to pool runs of different settings."""
    for run in group[1:]:
        odd = [name for name in differing(settings[group[0]], settings[run]) if name not in OF_A_FOLD]
        require(not odd, f"{group[0]} and {run} cannot be pooled: they differ in {', '.join(odd)}; pool folds of one "
                         f"protocol and setting.")

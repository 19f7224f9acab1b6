"""Scoring runs on the test side of their split: the only place that opens it."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from accelerate import Accelerator
from rich.progress import track

from vaer.config import Config, DataConfig, check_views, differing, require, require_range
from vaer.data.census import census, narrowing, require_speakers, warn_of_unmatched
from vaer.data.corpora import CORPORA, OWN, name_of, read_corpus, remark, told
from vaer.data.cuts import count_cut, find_cuts, sentence
from vaer.data.dataset import EvaluationClips, Wanted
from vaer.data.guard import names
from vaer.data.loader import evaluation_batches
from vaer.data.protocols import SPEAKER_DEPENDENT, read_split
from vaer.data.spelling import plain
from vaer.errors import UserError, as_text
from vaer.evaluation import report
from vaer.evaluation.calibration import choose_temperature
from vaer.evaluation.predict import Predictions, draw_clips, predict
from vaer.evaluation.scored import CROSS_CORPUS, Answers, Scored, average, facts_of, pool
from vaer.launch import join_processes
from vaer.models.network import VAER, load_network
from vaer.records import Batch, Item, Split
from vaer.runs.folder import RunFolder
from vaer.weights.contamination import warnings_of

# What the folds of one study may differ in: where they lie, how they were run, and what follows from the fold.
OF_A_FOLD = {"output", "seed", "data.fold", "data.root", "data.num_workers", "data.decoder", "data.decode_device",
             "train.resume", "train.save_steps", "train.stop_epoch", "model.init", "model.video.pretrained",
             "model.audio.pretrained"}


class Options(NamedTuple):
    """How runs are scored, beside what their own settings say."""

    modality: str = "both"
    views: int | None = None
    batch_size: int = 16
    num_workers: int = 2
    corpus: str | None = None
    root: str | None = None
    label_map: dict[str, str | None] = {}
    allow_missing: bool = False
    decoder: str = "auto"
    decode_device: str = "cpu"
    adapt_clips: int | None = None

    @property
    def suffix(self) -> str:
        """What the names of the files carry, so that results of other options stay."""
        return "".join([f"_{name_of(self.corpus, self.root)}" if self.corpus else "",
                        "" if self.modality == "both" else f"_{self.modality}",
                        "" if self.views is None else f"_views{self.views}",
                        "" if self.adapt_clips is None else f"_adapt{self.adapt_clips}"])


class Tested(NamedTuple):
    """Whom a network is scored on."""

    classes: tuple[str, ...]
    """Among which it chooses."""
    split: Split
    setting: dict[str, Any]
    """What scores must share to be comparable, beside what holds for every evaluation."""
    warnings: list[str]
    """Of what the run started from."""


def evaluate(runs: list[Path], options: Options, pool_into: Path | None = None) -> None:
    """Score each run, write its files into its folder, print a table.

    A folder of folds (fold0, fold1, ...) is scored fold by fold, and all together into its `pooled`; `pool_into` does
    the same for all `runs`. On another corpus every fold answers to every clip, and all together is the mean of their
    answers. Another corpus, a modality taken away, `views` where they are given and few clips to adapt to
    stand in the names of the files (metrics_emodb_audio_views5_adapt4.json), so that all results stay. Raises
    UserError.
    """
    require_range("views", options.views, 1, 100)
    require_range("batch_size", options.batch_size, 1)
    require_range("num_workers", options.num_workers, 0)
    require_range("adapt_clips", options.adapt_clips, 0)
    _check_corpus(options)
    folders = [RunFolder(run) for run in runs]
    groups = [folder.folds() for folder in folders]
    pooled = [None if group == [folder] else folder.pooled for folder, group in zip(folders, groups, strict=True)]
    if pool_into is not None:
        require(not pool_into.is_file(), f"--pool {pool_into}: is a file; name a folder.")
        require(not RunFolder(pool_into).is_begun(), f"--pool {pool_into}: is the folder of a run; name another.")
        groups, pooled = [[part for group in groups for part in group]], [pool_into]
    # What is wrong with the last run is said before the first one has been decoded.
    settings = {part: settings_of(part, options) for group in groups for part in group}
    for group, folder in zip(groups, pooled, strict=True):
        if folder is not None:
            _require_alike(group, settings)
    accelerator = join_processes()
    scored: list[list[Scored]] = []
    for group, folder in zip(groups, pooled, strict=True):
        scored.append([])
        for part in group:
            scored[-1].append(_score(part, settings[part], accelerator, options))
            _write(scored[-1][-1], accelerator, options)
        if folder is not None:
            scored[-1].append((average if options.corpus else pool)(folder, scored[-1]))
            _write(scored[-1][-1], accelerator, options)
    if accelerator.is_main_process:
        report.show(scored, options.modality)


def _write(part: Scored, accelerator: Accelerator, options: Options) -> None:
    if accelerator.is_main_process:
        report.write(part, options.suffix)


def _check_corpus(options: Options) -> None:
    """Refuse flags of another corpus that do not go together."""
    require(options.corpus in OWN or not options.label_map,
            "--label_map is for --corpus csv and folders; leave it out.")
    if options.corpus is not None:
        require(options.root is not None, f"--corpus {options.corpus} needs --root, where that corpus lies.")
        name = name_of(options.corpus, options.root)
        require(name not in ("video", "audio"), f"--root {options.root}: files named after a corpus {name} would be "
                                                f"those of --modality {name}; rename the folder.")


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


def _require_alike(group: list[RunFolder], settings: dict[RunFolder, Config]) -> None:
    """Refuse to pool runs of different settings."""
    for run in group[1:]:
        odd = [name for name in differing(settings[group[0]], settings[run]) if name not in OF_A_FOLD]
        require(not odd, f"{group[0]} and {run} cannot be pooled: they differ in {', '.join(odd)}; pool folds of one "
                         f"protocol and setting.")


def open_run(run: RunFolder, config: Config, accelerator: Accelerator, options: Options) -> tuple[VAER, Tested]:
    """The best network of a run, on the device, and whom it is scored on; raises UserError where they do not fit."""
    network = load_network(run.best.path)
    tested = (_own(run, config, network.classes) if options.corpus is None
              else _elsewhere(run, config, network.classes, options))
    return accelerator.prepare_model(network, evaluation_mode=True), tested


def _score(run: RunFolder, config: Config, accelerator: Accelerator, options: Options) -> Scored:
    network, tested = open_run(run, config, accelerator, options)
    split, fold = tested.split, config.data.fold
    if config.model.speaker_norm and options.adapt_clips != 0:
        require_speakers(options.root or config.data.root, split.test, f"{run} (--model.speaker_norm)")
    if accelerator.is_main_process:
        _introduce(run, config, accelerator.unwrap_model(network).classes, tested)
    predictions, cut = _predict(split.test, f"{run}, test", network, tested.classes, config, accelerator, options)
    temperature = None
    if split.validation:
        chosen, _ = _predict(split.validation, f"{run}, validation", network, tested.classes, config, accelerator,
                             options)
        temperature = choose_temperature(chosen.probabilities, chosen.labels,
                                         np.array([item.speaker for item in split.validation]))
    setting = tested.setting | {
        "fold": fold, "validation": config.data.validation, "modality": options.modality,
        "views": config.evaluate.views, "seed": config.seed, "speaker_norm": config.model.speaker_norm,
        "adapt_clips": options.adapt_clips, "split": split.verdict, "leaks": list(split.leaks),
        "warnings": tested.warnings, "max_seconds": config.data.max_seconds, "clips_cut": cut}
    answers = Answers(_table(split.test, tested.classes, predictions, fold), tested.classes, setting,
                      {str(fold): temperature})
    return Scored(run.path, answers, facts_of(answers))


def _introduce(run: RunFolder, config: Config, learned: tuple[str, ...], tested: Tested) -> None:
    """The first lines of an evaluation: who is scored, among which classes, and what is not seen whole."""
    setting = tested.setting
    lines = [*narrowing(learned, tested.classes, setting["corpus"], setting.get("left_out", {})),
             *census(tested.classes, tested.split._replace(train=[])),
             *filter(None, [sentence("test", find_cuts(tested.split.test, config.data), config.data)])]
    print("\n".join([f"{run}:", *lines]), flush=True)


def _own(run: RunFolder, config: Config, learned: tuple[str, ...]) -> Tested:
    """The test side of the split under which a run learned."""
    data = run.as_learned(config.data)  # the sides that it learned from, whatever the file says by now
    classes, split = read_split(data)
    if classes != learned:
        raise UserError(f"{config.data.root}: its classes are {', '.join(classes)}, and {run} learned "
                        f"{', '.join(learned)}; name a corpus with the same ones.")
    if not split.test:
        raise UserError(f"{run}: its protocol {config.data.protocol} leaves no test clip ({split.verdict}).")
    recorded = run.facts()
    learned_from = {plain(speaker) for side in recorded.get("speakers", {}).values() for speaker in side}
    met = [] if split.leaks or data.protocol in SPEAKER_DEPENDENT else sorted(
        speaker for speaker in {item.speaker for item in split.test} if plain(speaker) in learned_from)
    require(not met, f"{config.data.root}: {config.data.protocol} now tests speakers {', '.join(met)}, of whom {run} "
                     f"has learned; score it on the speakers that were there when it trained.")
    return Tested(classes, split, {"protocol": config.data.protocol, **_corpus_facts(data)},
                  recorded.get("warnings", []))


def _elsewhere(run: RunFolder, config: Config, learned: tuple[str, ...], options: Options) -> Tested:
    """Every clip of another corpus whose label the network knows; it chooses among the classes that both have."""
    usual = DataConfig()
    data = dataclasses.replace(config.data, corpus=options.corpus, root=options.root, label_map=options.label_map,
                               channel=usual.channel, labels=usual.labels, speaker_pattern=None,
                               protocol=CROSS_CORPUS)
    name, own = name_of(data.corpus, data.root), name_of(config.data.corpus, config.data.root)
    require(name != own, f"{run}: learned from {own}; leave --corpus out to score those whom it did not see.")
    classes, items, left_out = read_corpus(data)
    both = tuple(label for label in learned if label in classes)
    require(len(both) > 1, f"{data.root}: its labels are {', '.join(classes)}, and {run} learned {', '.join(learned)}; "
                           f"they must have two in common, which --label_map can bring about.")
    test = [item for item in items if item.label in both]
    unknown = Counter(item.label for item in items if item.label not in both)
    warn_of_unmatched(data.root, learned, unknown)
    left_out = dict(sorted((Counter(left_out) + unknown).items()))
    lacks = CORPORA[data.corpus].lacking(items, data, None)
    verdict = [f"the whole of {name}; this run learned from {own} under {config.data.protocol}: "
               f"test speakers {names(test)} ({len(test)} clips)",
               remark(config.data.root) and f"learned from {remark(config.data.root)}",
               f"answers among {', '.join(both)}", f"left out: {told(left_out)}" * bool(left_out),
               f"the corpus lacks {lacks}" * bool(lacks)]
    facts = {"protocol": CROSS_CORPUS, **_corpus_facts(data), "label_map": data.label_map, "left_out": left_out,
             "classes_dropped": [label for label in learned if label not in both],
             "learned_from": own, "learned_under": config.data.protocol}
    return Tested(both, Split([], [], test, "; ".join(filter(None, verdict))), facts,
                  warnings_of(dataclasses.replace(config, data=data)))


def _corpus_facts(data: DataConfig) -> dict[str, str]:
    return {"corpus": name_of(data.corpus, data.root), "channel": data.channel, "labels": data.labels,
            "remark": remark(data.root)}


def open_clips(items: list[Item], classes: tuple[str, ...], description: str, config: Config, accelerator: Accelerator,
               options: Options) -> tuple[EvaluationClips, Iterable[Batch]]:
    """Clips, and their batches of this process under a progress bar."""
    clips = EvaluationClips(items, classes, config=config.data, views=config.evaluate.views,
                            wanted=Wanted(config.model.video.enabled, config.model.audio.enabled))
    batches = evaluation_batches(clips, batch_size=options.batch_size, num_workers=options.num_workers,
                                 device=accelerator.device, rank=accelerator.process_index,
                                 world=accelerator.num_processes)
    return clips, track(batches, description=description, total=len(batches), transient=True,
                        disable=not accelerator.is_main_process)


def _predict(items: list[Item], description: str, network: VAER, classes: tuple[str, ...], config: Config,
             accelerator: Accelerator, options: Options) -> tuple[Predictions, int]:
    """Answers, and how many of the clips were cut to their middle."""
    clips, batches = open_clips(items, classes, description, config, accelerator, options)
    adapting = None if options.adapt_clips is None else draw_clips(clips.speakers, options.adapt_clips, config.seed)
    learned = accelerator.unwrap_model(network).classes
    answers = predict(network, batches, accelerator, num_clips=len(clips), views=clips.views, modality=options.modality,
                      items=items, adapting=adapting, among=[learned.index(name) for name in classes])
    return answers, int(accelerator.reduce(count_cut(clips).to(accelerator.device), reduction="sum")[0])


def _table(items: list[Item], classes: tuple[str, ...], predictions: Predictions, fold: int) -> pd.DataFrame:
    names = np.array(classes)
    table = pd.DataFrame({
        **{name: [as_text(getattr(item, name)) for item in items] for name in ("id", "take", "path")},
        "fold": str(fold), "speaker": [as_text(item.speaker) for item in items], "label": names[predictions.labels],
        "prediction": names[predictions.probabilities.argmax(axis=1)]})
    return table.join(pd.DataFrame(predictions.probabilities, columns=list(classes)))

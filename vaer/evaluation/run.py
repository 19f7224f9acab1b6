"""Scoring runs on the test side of their split: the only place that opens it."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from accelerate import Accelerator
from rich.progress import track

from vaer.config import Config, check_views, differing, read_config, require, require_range
from vaer.data.dataset import EvaluationClips, Wanted
from vaer.data.loader import evaluation_batches
from vaer.data.protocols import SPLIT_FILE, num_folds, read_split
from vaer.errors import UserError
from vaer.evaluation import report
from vaer.evaluation.calibration import fit_temperature
from vaer.evaluation.predict import Predictions, draw_clips, predict
from vaer.evaluation.scored import Answers, Scored, facts_of, pool
from vaer.models.network import VAER, load_network
from vaer.records import Batch, Item, Split

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
    root: str | None = None
    allow_missing: bool = False
    decoder: str = "auto"
    decode_device: str = "cpu"
    adapt_clips: int | None = None

    @property
    def suffix(self) -> str:
        """What the names of the files carry, so that results of other options stay."""
        return ("" if self.modality == "both" else f"_{self.modality}") + (
            "" if self.adapt_clips is None else f"_adapt{self.adapt_clips}")


def evaluate(runs: list[Path], options: Options, pool_into: Path | None = None) -> None:
    """Score each run, write its files into its folder, print a table.

    A folder of folds (fold0, fold1, ...) is scored fold by fold, and all together into its `pooled`; `pool_into` does
    the same for all `runs`. With a modality taken away or few clips to adapt to the names carry it (metrics_video.json,
    metrics_adapt4.json), so that all results stay. Raises UserError.
    """
    require_range("views", options.views, 1, 100)
    require_range("batch_size", options.batch_size, 1)
    require_range("num_workers", options.num_workers, 0)
    require_range("adapt_clips", options.adapt_clips, 0)
    groups = [folds_of(run) for run in runs]
    pooled = [None if group == [run] else run / "pooled" for run, group in zip(runs, groups, strict=True)]
    if pool_into is not None:
        require(not (pool_into / "config.yaml").exists(), f"--pool {pool_into}: is the folder of a run; name another.")
        groups, pooled = [[part for group in groups for part in group]], [pool_into]
    # What is wrong with the last run is said before the first one has been decoded.
    settings = {part: settings_of(part, options) for group in groups for part in group}
    for group, folder in zip(groups, pooled, strict=True):
        if folder is not None:
            _require_alike(group, settings)
    accelerator = Accelerator()
    scored: list[list[Scored]] = []
    for group, folder in zip(groups, pooled, strict=True):
        scored.append([])
        for part in group:
            scored[-1].append(_score(part, settings[part], accelerator, options))
            _write(scored[-1][-1], accelerator, options)
        if folder is not None:
            scored[-1].append(pool(folder, scored[-1]))
            _write(scored[-1][-1], accelerator, options)
    if accelerator.is_main_process:
        report.show(scored, options.modality)


def _write(part: Scored, accelerator: Accelerator, options: Options) -> None:
    if accelerator.is_main_process:
        report.write(part, options.suffix)


def folds_of(run: Path) -> list[Path]:
    """The folders to score for a run: itself, or all of its folds; raises UserError where one of them is not there."""
    if not (run / "fold0").is_dir():
        return [run]
    kept = run / "fold0" / SPLIT_FILE
    protocol = read_config(run / "fold0" / "config.yaml").data.protocol
    count = num_folds(str(kept) if kept.is_file() else protocol)
    folds = [run / f"fold{number}" for number in range(count)]
    missing = [fold.name for fold in folds if not _recorded(fold).get("finished")]
    if missing:
        raise UserError(f"{run}: {', '.join(missing)} of {count} folds did not finish training; go on with the command "
                        f"that began it and --train.resume true, or score single folds such as {folds[0]}.")
    return folds


def settings_of(run: Path, options: Options) -> Config:
    """The settings of a run that trained, changed to what `options` say; raises UserError where they do not go."""
    if not (run / "best" / "model.safetensors").is_file():
        raise UserError(f"{run}: holds no trained network (best/model.safetensors); name the folder of a run.")
    config = read_config(run / "config.yaml")
    if options.modality != "both" and not getattr(config.model, options.modality).enabled:
        raise UserError(f"--modality {options.modality}: {run} was trained without that branch.")
    require(options.adapt_clips is None or config.model.speaker_norm,
            f"--adapt_clips {options.adapt_clips}: {run} was trained without --model.speaker_norm; leave it out.")
    views = config.evaluate.views if options.views is None else options.views
    check_views(views, config.data)
    data = dataclasses.replace(
        config.data, root=config.data.root if options.root is None else options.root,
        allow_missing=config.data.allow_missing or options.allow_missing, decoder=options.decoder,
        decode_device=options.decode_device)
    return dataclasses.replace(config, data=data, evaluate=dataclasses.replace(config.evaluate, views=views))


def _require_alike(group: list[Path], settings: dict[Path, Config]) -> None:
    """Refuse to pool runs of different settings."""
    for run in group[1:]:
        odd = [name for name in differing(settings[group[0]], settings[run]) if name not in OF_A_FOLD]
        require(not odd, f"{group[0]} and {run} cannot be pooled: they differ in {', '.join(odd)}; pool folds of one "
                         f"protocol and setting.")


def open_run(run: Path, config: Config, accelerator: Accelerator) -> tuple[VAER, Split]:
    """The best network of a run, on the device, and its split; raises UserError where the two do not fit."""
    network = load_network(run / "best")
    kept = run / SPLIT_FILE  # the sides that it learned from, whatever the file says by now
    data = dataclasses.replace(config.data, protocol=str(kept)) if kept.is_file() else config.data
    classes, split = read_split(data)
    if list(classes) != list(network.classes):
        raise UserError(f"{config.data.root}: its classes are {', '.join(classes)}, and {run} learned "
                        f"{', '.join(network.classes)}; name a corpus with the same ones.")
    if not split.test:
        raise UserError(f"{run}: its protocol {config.data.protocol} leaves no test clip ({split.verdict}).")
    return accelerator.prepare_model(network, evaluation_mode=True), split


def _score(run: Path, config: Config, accelerator: Accelerator, options: Options) -> Scored:
    network, split = open_run(run, config, accelerator)
    predictions = _predict(split.test, f"{run}, test", network, config, accelerator, options)
    temperature = None
    if split.validation:
        chosen = _predict(split.validation, f"{run}, validation", network, config, accelerator, options)
        temperature = fit_temperature(chosen.probabilities, chosen.labels)
    fold = config.data.fold
    setting = {"protocol": config.data.protocol, "fold": fold, "corpus": config.data.corpus,
               "channel": config.data.channel, "labels": config.data.labels, "validation": config.data.validation,
               "modality": options.modality, "views": config.evaluate.views, "seed": config.seed,
               "speaker_norm": config.model.speaker_norm, "adapt_clips": options.adapt_clips,
               "split": split.verdict, "leaks": list(split.leaks), "warnings": _recorded(run).get("warnings", [])}
    classes = accelerator.unwrap_model(network).classes
    answers = Answers(_table(split.test, classes, predictions, fold), classes, setting, {str(fold): temperature})
    return Scored(run, answers, facts_of(answers))


def _recorded(run: Path) -> dict[str, Any]:
    """What a run said of itself; nothing where its run.json is not there."""
    path = run / "run.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def open_clips(items: list[Item], description: str, network: VAER, config: Config, accelerator: Accelerator,
               options: Options) -> tuple[EvaluationClips, Iterable[Batch]]:
    """Clips, and their batches of this process under a progress bar."""
    clips = EvaluationClips(items, accelerator.unwrap_model(network).classes, config=config.data,
                            views=config.evaluate.views,
                            wanted=Wanted(config.model.video.enabled, config.model.audio.enabled))
    batches = evaluation_batches(clips, batch_size=options.batch_size, num_workers=options.num_workers,
                                 device=accelerator.device, rank=accelerator.process_index,
                                 world=accelerator.num_processes)
    return clips, track(batches, description=description, total=len(batches), transient=True,
                        disable=not accelerator.is_main_process)


def _predict(items: list[Item], description: str, network: VAER, config: Config, accelerator: Accelerator,
             options: Options) -> Predictions:
    clips, batches = open_clips(items, description, network, config, accelerator, options)
    adapting = None if options.adapt_clips is None else draw_clips(clips.speakers, options.adapt_clips, config.seed)
    return predict(network, batches, accelerator, num_clips=len(clips), views=clips.views, modality=options.modality,
                   adapting=adapting)


def _table(items: list[Item], classes: tuple[str, ...], predictions: Predictions, fold: int) -> pd.DataFrame:
    names = np.array(classes)
    table = pd.DataFrame({
        "id": [item.id for item in items], "take": [item.take for item in items],
        "path": [item.path for item in items], "fold": str(fold),
        "speaker": [item.speaker for item in items], "label": names[predictions.labels],
        "prediction": names[predictions.probabilities.argmax(axis=1)]})
    return table.join(pd.DataFrame(predictions.probabilities, columns=list(classes)))

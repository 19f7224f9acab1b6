"""Scoring runs on the test side of their split: the only place that opens it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from accelerate import Accelerator
from rich.progress import track

from vaer.checks import require
from vaer.config import Config
from vaer.data.census import census, narrowing, require_speakers
from vaer.data.cuts import count_cut, describe_cuts, find_cuts
from vaer.data.dataset import EvaluationClips, Modalities
from vaer.data.loader import evaluation_batches
from vaer.errors import as_text
from vaer.evaluation import report
from vaer.evaluation.calibration import choose_temperature
from vaer.evaluation.evaluation_set import EvaluationSet, find_evaluation_set
from vaer.evaluation.options import Options, branches_of, modality_of, require_alike, settings_of
from vaer.evaluation.predict import Predictions, draw_clips, predict
from vaer.evaluation.saved import attribute_columns
from vaer.evaluation.scored import PredictionTable, Scored, average, facts_of, pool
from vaer.launch import join_processes
from vaer.models.network import VAER, load_network
from vaer.records import Batch, Item
from vaer.runs.folder import RunFolder


def evaluate(runs: list[Path], options: Options, pool_into: Path | None = None) -> None:
    """Score each run, write its files into its folder, print a table.

    A folder of folds (fold0, fold1, ...) is scored fold by fold, and all together into its `pooled`; `pool_into` does
    the same for all `runs`. On another corpus every fold answers to every clip, and all together is the mean of their
    answers. Another corpus, a modality taken away, `views` where they are given and few clips to adapt to
    stand in the names of the files (metrics_emodb_audio_views5_adapt4.json), so that all results stay. Raises
    UserError.
    """
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
            require_alike(group, settings)
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
        report.show(scored)


def _write(part: Scored, accelerator: Accelerator, options: Options) -> None:
    if accelerator.is_main_process:
        report.write(part, options.suffix)


def open_run(run: RunFolder, config: Config, accelerator: Accelerator, options: Options) -> tuple[VAER, EvaluationSet]:
    """The best network of a run, on the device, and whom it is scored on; raises UserError where they do not fit."""
    network = load_network(run.best.path)
    tested = find_evaluation_set(run, config, network.classes, options)
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
        "fold": fold, "validation": config.data.validation, "modality": modality_of(config, options),
        "branches": branches_of(config), "views": config.evaluate.views, "seed": config.seed,
        "speaker_norm": config.model.speaker_norm, "adapt_clips": options.adapt_clips,
        "split": split.verdict, "leaks": list(split.leaks), "warnings": tested.warnings,
        "max_seconds": config.data.max_seconds, "clips_cut": cut}
    predicted = PredictionTable(_table(split.test, tested.classes, predictions, fold), tested.classes, setting,
                                {str(fold): temperature})
    return Scored(run.path, predicted, facts_of(predicted))


def _introduce(run: RunFolder, config: Config, learned: tuple[str, ...], tested: EvaluationSet) -> None:
    """The first lines of an evaluation: who is scored, among which classes, and what is not seen whole."""
    setting = tested.setting
    lines = [*narrowing(learned, tested.classes, setting["corpus"], setting.get("left_out", {})),
             *census(tested.classes, tested.split._replace(train=[])),
             *filter(None, [describe_cuts("test", find_cuts(tested.split.test, config.data), config.data)])]
    print("\n".join([f"{run}:", *lines]), flush=True)


def open_clips(items: list[Item], classes: tuple[str, ...], description: str, config: Config, accelerator: Accelerator,
               options: Options) -> tuple[EvaluationClips, Iterable[Batch]]:
    """Clips, and their batches of this process under a progress bar."""
    clips = EvaluationClips(items, classes, config=config.data, views=config.evaluate.views,
                            wanted=Modalities(config.model.video.enabled, config.model.audio.enabled))
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
    predicted = predict(network, batches, accelerator, num_clips=len(clips), views=clips.views,
                        modality=options.modality,
                        items=items, adapting=adapting, among=[learned.index(name) for name in classes])
    return predicted, int(accelerator.reduce(count_cut(clips).to(accelerator.device), reduction="sum")[0])


def _table(items: list[Item], classes: tuple[str, ...], predictions: Predictions, fold: int) -> pd.DataFrame:
    names = np.array(classes)
    table = pd.DataFrame({
        **{name: [as_text(getattr(item, name)) for item in items] for name in ("id", "take", "path")},
        "fold": str(fold), "speaker": [as_text(item.speaker) for item in items], "label": names[predictions.labels],
        "prediction": names[predictions.probabilities.argmax(axis=1)]})
    probabilities = pd.DataFrame(predictions.probabilities, columns=list(classes))
    return table.join(probabilities).join(pd.DataFrame(attribute_columns(items, classes), index=table.index))

"""A trained run with its test side open: the network, the clips and their answers, as tables."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from accelerate import Accelerator
from rich.progress import track

from vaer.checks import require
from vaer.config import Config
from vaer.data.cuts import count_cut
from vaer.data.dataset import EvaluationClips, Modalities
from vaer.data.loader import evaluation_batches
from vaer.errors import as_text
from vaer.evaluation.evaluation_set import EvaluationSet, find_evaluation_set
from vaer.evaluation.options import Options
from vaer.evaluation.predict import Predictions, draw_clips, predict
from vaer.evaluation.saved import attribute_columns
from vaer.models.network import VAER, load_network
from vaer.records import Batch, Item
from vaer.runs.folder import RunFolder

Group = tuple[list[RunFolder], Path | None]
"""Runs that belong together, and the folder of what they say together; None for a run by itself."""


def group_runs(runs: list[Path], pool_into: Path | None) -> list[Group]:
    """Each run, or the folds of a folder of folds; all of them are one group that is pooled into `pool_into`.

    Raises UserError where that is no folder for it.
    """
    folders = [RunFolder(run) for run in runs]
    groups = [folder.folds() for folder in folders]
    if pool_into is None:
        return [(group, None if group == [folder] else folder.pooled)
                for folder, group in zip(folders, groups, strict=True)]
    require(not pool_into.is_file(), f"--pool {pool_into}: is a file; name a folder.")
    require(not RunFolder(pool_into).is_begun(), f"--pool {pool_into}: is the folder of a run; name another.")
    return [([part for group in groups for part in group], pool_into)]


def open_run(run: RunFolder, config: Config, accelerator: Accelerator, options: Options) -> tuple[VAER, EvaluationSet]:
    """The best network of a run, on the device, and whom it is scored on; raises UserError where they do not fit."""
    network = load_network(run.best.path)
    tested = find_evaluation_set(run, config, network.classes, options)
    return accelerator.prepare_model(network, evaluation_mode=True), tested


def open_clips(items: list[Item], classes: tuple[str, ...], description: str, config: Config, accelerator: Accelerator,
               options: Options, make: Callable[..., EvaluationClips] = EvaluationClips
               ) -> tuple[EvaluationClips, Iterable[Batch]]:
    """Clips, and their batches of this process under a progress bar."""
    clips = make(items, classes, config=config.data, views=config.evaluate.views,
                 wanted=Modalities(config.model.video.enabled, config.model.audio.enabled))
    batches = evaluation_batches(clips, batch_size=options.batch_size, num_workers=options.num_workers,
                                 device=accelerator.device, rank=accelerator.process_index,
                                 world=accelerator.num_processes)
    return clips, track(batches, description=description, total=len(batches), transient=True,
                        disable=not accelerator.is_main_process)


def answers_of(items: list[Item], description: str, network: VAER, classes: tuple[str, ...], config: Config,
               accelerator: Accelerator, options: Options,
               make: Callable[..., EvaluationClips] = EvaluationClips) -> tuple[Predictions, int]:
    """PredictionTable, and how many of the clips were cut to their middle."""
    clips, batches = open_clips(items, classes, description, config, accelerator, options, make)
    adapting = None if options.adapt_clips is None else draw_clips(clips.speakers, options.adapt_clips, config.seed)
    learned = accelerator.unwrap_model(network).classes
    answers = predict(network, batches, accelerator, num_clips=len(clips), views=clips.views, modality=options.modality,
                      items=items, adapting=adapting, among=[learned.index(name) for name in classes])
    return answers, int(accelerator.reduce(count_cut(clips).to(accelerator.device), reduction="sum")[0])


def table_of(items: list[Item], classes: tuple[str, ...], predictions: Predictions, fold: int) -> pd.DataFrame:
    """A line a clip, as predictions.csv holds it."""
    names = np.array(classes)
    table = pd.DataFrame({
        **{name: [as_text(getattr(item, name)) for item in items] for name in ("id", "take", "path")},
        "fold": str(fold), "speaker": [as_text(item.speaker) for item in items], "label": names[predictions.labels],
        "prediction": names[predictions.probabilities.argmax(axis=1)]})
    probabilities = pd.DataFrame(predictions.probabilities, columns=list(classes))
    return table.join(probabilities).join(pd.DataFrame(attribute_columns(items, classes), index=table.index))

"""Scoring runs on the test side of their split: the only place that opens it."""

from pathlib import Path

import numpy as np
from accelerate import Accelerator

from vaer.config import Config
from vaer.data.census import census, narrowing, require_speakers
from vaer.data.cuts import describe_cuts, find_cuts
from vaer.evaluation import report
from vaer.evaluation.calibration import choose_temperature
from vaer.evaluation.evaluation_set import EvaluationSet
from vaer.evaluation.opened import answers_of, group_runs, open_run, table_of
from vaer.evaluation.options import Options, branches_of, modality_of, require_alike, settings_of
from vaer.evaluation.robustness import measure
from vaer.evaluation.scored import PredictionTable, Scored, average, facts_of, pool
from vaer.launch import join_processes
from vaer.runs.folder import RunFolder


def evaluate(runs: list[Path], options: Options, pool_into: Path | None = None) -> None:
    """Score each run, write its files into its folder, print a table.

    A folder of folds (fold0, fold1, ...) is scored fold by fold, and all together into its `pooled`; `pool_into` does
    the same for all `runs`. On another corpus every fold answers to every clip, and all together is the mean of their
    answers. Another corpus, a modality taken away, `views` where they are given and few clips to adapt to
    stand in the names of the files (metrics_emodb_audio_views5_adapt4.json), so that all results stay. Raises
    UserError.
    """
    groups = group_runs(runs, pool_into)
    # What is wrong with the last run is said before the first one has been decoded.
    settings = {part: settings_of(part, options) for group, _ in groups for part in group}
    for group, folder in groups:
        if folder is not None:
            require_alike(group, settings)
    accelerator = join_processes()
    scored: list[list[Scored]] = []
    for group, folder in groups:
        scored.append([])
        for part in group:
            scored[-1].append(_score(part, settings[part], accelerator, options))
            _write(scored[-1][-1], accelerator, options)
        if folder is not None:
            scored[-1].append((average if options.corpus else pool)(folder, scored[-1]))
            _write(scored[-1][-1], accelerator, options)
    if accelerator.is_main_process:
        report.show(scored)
    if options.robustness is not None:
        measure(groups, scored, settings, accelerator, options)


def _write(part: Scored, accelerator: Accelerator, options: Options) -> None:
    if accelerator.is_main_process:
        report.write(part, options.suffix)


def _score(run: RunFolder, config: Config, accelerator: Accelerator, options: Options) -> Scored:
    network, tested = open_run(run, config, accelerator, options)
    split, fold = tested.split, config.data.fold
    if config.model.speaker_norm and options.adapt_clips != 0:
        require_speakers(options.root or config.data.root, split.test, f"{run} (--model.speaker_norm)")
    if accelerator.is_main_process:
        _introduce(run, config, accelerator.unwrap_model(network).classes, tested)
    predictions, cut = answers_of(split.test, f"{run}, test", network, tested.classes, config, accelerator, options)
    temperature = None
    if split.validation:
        chosen, _ = answers_of(split.validation, f"{run}, validation", network, tested.classes, config, accelerator,
                               options)
        temperature = choose_temperature(chosen.probabilities, chosen.labels,
                                         np.array([item.speaker for item in split.validation]))
    setting = tested.setting | {
        "fold": fold, "validation": config.data.validation, "modality": modality_of(config, options),
        "branches": branches_of(config), "views": config.evaluate.views, "seed": config.seed,
        "speaker_norm": config.model.speaker_norm, "adapt_clips": options.adapt_clips,
        "split": split.verdict, "leaks": list(split.leaks), "warnings": tested.warnings,
        "max_seconds": config.data.max_seconds, "clips_cut": cut}
    predicted = PredictionTable(table_of(split.test, tested.classes, predictions, fold), tested.classes, setting,
                                {str(fold): temperature})
    return Scored(run.path, predicted, facts_of(predicted))


def _introduce(run: RunFolder, config: Config, learned: tuple[str, ...], tested: EvaluationSet) -> None:
    """The first lines of an evaluation: who is scored, among which classes, and what is not seen whole."""
    setting = tested.setting
    lines = [*narrowing(learned, tested.classes, setting["corpus"], setting.get("left_out", {})),
             *census(tested.classes, tested.split._replace(train=[])),
             *filter(None, [describe_cuts("test", find_cuts(tested.split.test, config.data), config.data)])]
    print("\n".join([f"{run}:", *lines]), flush=True)

"""How much a network bears: its test clips made worse step by step, and what it answers to each step."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accelerate import Accelerator

from vaer.atomic_files import read_facts, write_facts, write_text
from vaer.config import Config
from vaer.errors import UserError
from vaer.evaluation.degradations.degraded import DegradedClips, talkers_of
from vaer.evaluation.degradations.kinds import ALL, KINDS, possible, shown
from vaer.evaluation.intervals import span_of, speaker_draws
from vaer.evaluation.metrics import Metrics, score
from vaer.evaluation.opened import Group, answers_of, open_run, table_of
from vaer.evaluation.options import Options, branches_of, modality_of
from vaer.evaluation.plots import draw_robustness
from vaer.evaluation.scored import ENSEMBLE, PredictionTable, Scored
from vaer.records import UNKNOWN_SPEAKER, Item
from vaer.runs.folder import RunFolder

FORMAT = 1
"""Of what the degradations do: raise it with every change of theirs, and what was measured before is measured anew."""
COLUMNS = ("id", "fold", "speaker", "label", "prediction")
"""Of predictions.csv, which stand in robustness.csv behind degradation and strength, the probabilities after them."""
Step = tuple[str, float]
"""A degradation and a strength."""


def measure(groups: list[Group], scored: list[list[Scored]], settings: dict[RunFolder, Config],
            accelerator: Accelerator, options: Options) -> None:
    """Answer to every test clip at every strength, and write robustness.csv, .json and .png beside predictions.csv.

    `scored` are the answers to the clips as they are, the pooled ones last. What stands in robustness.csv already is
    not answered again. Raises UserError.
    """
    for (runs, folder), results in zip(groups, scored, strict=True):
        found = [_measure(run, clean, settings[run], accelerator, options)
                 for run, clean in zip(runs, results, strict=False)]
        if folder is not None:
            steps = {step: _joined([one[step] for one in found], results[-1].predicted.classes,
                                   across=options.corpus is not None)
                     for step in found[0] if all(step in one for one in found)}
            if accelerator.is_main_process:
                _write(RunFolder(folder), results[-1], steps, {"format": FORMAT}, options)
    accelerator.wait_for_everyone()


def _measure(run: RunFolder, clean: Scored, config: Config, accelerator: Accelerator,
             options: Options) -> dict[Step, pd.DataFrame]:
    """The table of every step of one run, in the order of the degradations."""
    used = branches_of(config) if options.modality == "both" else [modality_of(config, options)]
    names, lost = possible(options.robustness, used)
    made_from = _made_from(run, clean, config)
    steps = read_steps(run, clean.predicted, made_from, options.suffix)
    missing = [(name, strength) for name in names for strength in KINDS[name].strengths
               if (name, strength) not in steps]
    if missing:
        network, tested = open_run(run, config, accelerator, options)
        missing = _without_babble(missing, tested.split.test, config, options)
    if accelerator.is_main_process:
        path = run.robustness_path(options.suffix)
        print(f"{run}: {len(missing)} steps of robustness to measure, {len(steps)} stand in {path}"
              + (f"; {', '.join(lost)} change what the network does not use" if lost else ""), flush=True)
        write_facts(path.with_suffix(".json"), {"made_from": made_from, "curves": {}})
    for number, (name, strength) in enumerate(missing, 1):
        make = partial(DegradedClips, kind=name, strength=strength, seed=config.seed)
        answers, _ = answers_of(tested.split.test, f"{run}, {name} {shown(strength)} ({number} of {len(missing)})",
                                network, tested.classes, config, accelerator, options, make)
        table = table_of(tested.split.test, tested.classes, answers, config.data.fold)
        steps[name, strength] = table[[*COLUMNS, *tested.classes]]
        if accelerator.is_main_process:
            _write_table(run, steps, options)
    if accelerator.is_main_process:
        _write(run, clean, steps, made_from, options)
    return steps


def _without_babble(missing: list[Step], items: list[Item], config: Config, options: Options) -> list[Step]:
    """The steps without babble where there are no others to hear and nobody asked for it by name."""
    if not any(name == "babble" for name, _ in missing):
        return missing
    try:
        talkers_of(items, config.seed)
    except UserError as error:
        if options.robustness != ALL:
            raise
        print(f"babble is left out: {error}", flush=True)
        return [step for step in missing if step[0] != "babble"]
    return missing


def _made_from(run: RunFolder, clean: Scored, config: Config) -> dict[str, Any]:
    """What must be the same for steps that were measured before to count."""
    table = clean.predicted.table
    return {"format": FORMAT, "seed": config.seed,
            "weights": hashlib.sha256(run.best.weights_path.read_bytes()).hexdigest(),
            "clips": hashlib.sha256("\0".join(table["id"] + "\0" + table["label"]).encode()).hexdigest(),
            "predictions": hashlib.sha256("\0".join(table["prediction"]).encode()).hexdigest()}


def read_steps(run: RunFolder, clean: PredictionTable, made_from: dict[str, Any],
               suffix: str) -> dict[Step, pd.DataFrame]:
    """The steps that were measured to their end, of the same network and clips; none where there are no such files."""
    path = run.robustness_path(suffix)
    if not path.is_file() or read_facts(path.with_suffix(".json")).get("made_from") != made_from:
        return {}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        table = table.astype({"strength": np.float64} | dict.fromkeys(clean.classes, np.float64))
    except (ValueError, KeyError) as error:  # pandas' own errors are ValueErrors
        raise UserError(f"{path}: cannot be read as a table of robustness ({' '.join(str(error).split())}); delete "
                        f"it, and it is made anew.") from error
    found = {(str(name), float(strength)): rows.drop(columns=["degradation", "strength"]).reset_index(drop=True)
             for (name, strength), rows in table.groupby(["degradation", "strength"], sort=False)}
    ids = clean.table["id"].tolist()
    return {step: rows for step, rows in found.items() if rows["id"].tolist() == ids}


def _joined(tables: list[pd.DataFrame], classes: tuple[str, ...], *, across: bool) -> pd.DataFrame:
    """The folds of a step as one table: clips one after the other, or, on another corpus, the mean of their answers."""
    if not across:
        return pd.concat(tables, ignore_index=True)
    probabilities = np.mean([table[list(classes)].to_numpy() for table in tables], axis=0)
    return tables[0].assign(fold=ENSEMBLE, prediction=np.array(classes)[probabilities.argmax(axis=1)],
                            **dict(zip(classes, probabilities.T, strict=True)))


def _write_table(run: RunFolder, steps: dict[Step, pd.DataFrame], options: Options) -> None:
    tables = [rows.assign(degradation=name, strength=strength)[["degradation", "strength", *rows.columns]]
              for (name, strength), rows in _ordered(steps).items()]
    text = pd.concat(tables, ignore_index=True).to_csv(index=False, lineterminator="\n") if tables else ""
    write_text(run.robustness_path(options.suffix), text)


def _ordered(steps: dict[Step, pd.DataFrame]) -> dict[Step, pd.DataFrame]:
    return {(name, strength): steps[name, strength] for name, kind in KINDS.items() for strength in kind.strengths
            if (name, strength) in steps}


def _write(run: RunFolder, clean: Scored, steps: dict[Step, pd.DataFrame], made_from: dict[str, Any],
           options: Options) -> None:
    """The table of all steps, what they are worth, and their picture."""
    if not steps:
        return
    _write_table(run, steps, options)
    facts = {"made_from": made_from, **curves_of(clean.predicted, steps)}
    path: Path = run.robustness_path(options.suffix)
    write_facts(path.with_suffix(".json"), facts)
    draw_robustness(facts, path.with_suffix(".png"), f"{run.path.name}{options.suffix}")
    print("\n".join([f"{run}, UAR where clips are made worse; as they are {facts['clean']['uar']:.3f}", *(
        f"  {name} ({curve['unit']}): " + ", ".join(f"{shown(point['strength'])} {point['uar']:.3f}"
                                                    for point in curve["points"])
        for name, curve in facts["curves"].items())]), flush=True)


def curves_of(clean: PredictionTable, steps: dict[Step, pd.DataFrame]) -> dict[str, Any]:
    """The scores of every step beside those of the clips as they are, in plain types."""
    curves: dict[str, dict[str, Any]] = {}
    before, draws = score(clean.probabilities, clean.labels), _draws(clean)
    for (name, strength), table in _ordered(steps).items():
        kind = KINDS[name]
        curve = curves.setdefault(name, {"what": kind.what, "unit": kind.unit, "points": []})
        answers = PredictionTable(table, clean.classes, clean.setting, {})
        found, own = score(answers.probabilities, answers.labels), _draws(answers)
        curve["points"].append({"strength": strength} | _scores(found, _span(own, answers)) | {
            "difference": found.uar - before.uar,
            "difference_interval": None if own is None or draws is None else _span(own - draws, answers)})
    return {"clips": len(clean.table), "chance": 1 / before.classes_present,
            "clean": _scores(before, _span(draws, clean)), "curves": curves}


def _scores(found: Metrics, interval: list[float] | None) -> dict[str, Any]:
    return {"uar": found.uar, "war": found.war, "macro_f1": found.macro_f1, "interval": interval}


def _draws(answers: PredictionTable) -> np.ndarray | None:
    """The UAR (draws,) of resampled speakers; None where they are unknown or too few."""
    if UNKNOWN_SPEAKER in answers.speakers:
        return None
    draws = speaker_draws(answers.predictions, answers.labels, answers.speakers, len(answers.classes))
    return None if draws is None else draws["uar"]


def _span(draws: np.ndarray | None, answers: PredictionTable) -> list[float] | None:
    return None if draws is None else list(span_of(draws, len(set(answers.speakers))))

"""Scoring runs on the test side of their split: the only place that opens it."""

import contextlib
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accelerate import Accelerator
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vaer.config import check_views, read_config, require_range
from vaer.data import protocols
from vaer.data.corpora import read_corpus
from vaer.data.dataset import EvaluationClips, Wanted
from vaer.data.loader import evaluation_batches
from vaer.errors import UserError
from vaer.evaluation.metrics import score
from vaer.evaluation.pictures import draw_confusion
from vaer.evaluation.predict import Predictions, predict
from vaer.models.network import VAER
from vaer.records import Item, Metrics

FILE_WIDTH = 160  # characters of a table that goes to a file


def evaluate(runs: list[Path], *, modality: str, views: int | None, batch_size: int, num_workers: int,
             root: str | None) -> None:
    """Score each run, write metrics.json, predictions.csv and confusion.png into its folder, print a table.

    With a modality taken away the names carry it (metrics_video.json), so that both results stay. Raises UserError.
    """
    require_range("views", views, 1, 100)
    require_range("batch_size", batch_size, 1)
    require_range("num_workers", num_workers, 0)
    accelerator = Accelerator()
    rows = [_evaluate_run(run, accelerator, modality, views, batch_size, num_workers, root) for run in runs]
    if accelerator.is_main_process:
        _print_table(runs, rows, modality)


def _evaluate_run(run: Path, accelerator: Accelerator, modality: str, views: int | None, batch_size: int,
                  num_workers: int, root: str | None) -> dict[str, Any]:
    if not (run / "best" / "model.safetensors").is_file():
        raise UserError(f"{run}: holds no trained network (best/model.safetensors); name the folder of a run.")
    config = read_config(run / "config.yaml")
    data = config.data if root is None else dataclasses.replace(config.data, root=root)
    classes, items = read_corpus(data)
    split = protocols.split(items, data.protocol, data.fold)
    if not split.test:
        raise UserError(f"{run}: its protocol {data.protocol} leaves no test clip ({split.verdict}).")
    with contextlib.redirect_stdout(None):  # huggingface_hub prints where it loads from
        network = VAER.from_pretrained(run / "best")
    if list(classes) != list(network.classes):
        raise UserError(f"{data.root}: its classes are {', '.join(classes)}, and {run} learned "
                        f"{', '.join(network.classes)}; name a corpus with the same ones.")
    if modality != "both" and not getattr(config.model, modality).enabled:
        raise UserError(f"--modality {modality}: {run} was trained without that branch.")
    views = config.evaluate.views if views is None else views
    check_views(views, data)
    network = accelerator.prepare_model(network, evaluation_mode=True)
    clips = EvaluationClips(split.test, classes, config=data, views=views,
                            wanted=Wanted(config.model.video.enabled, config.model.audio.enabled))
    batches = evaluation_batches(clips, batch_size=batch_size, num_workers=num_workers, device=accelerator.device,
                                 rank=accelerator.process_index, world=accelerator.num_processes)
    shown = track(batches, description=str(run), total=len(batches), transient=True,
                  disable=not accelerator.is_main_process)
    predictions = predict(network, shown, accelerator, num_clips=len(clips), views=views, modality=modality)
    metrics = score(predictions.probabilities, predictions.labels)
    facts = metrics._asdict() | {
        "classes": list(classes), "protocol": data.protocol, "fold": data.fold, "split": split.verdict,
        "modality": modality, "views": views, "seed": config.seed, "nll": predictions.nll}
    if accelerator.is_main_process:
        _write(run, "" if modality == "both" else f"_{modality}", facts, split.test, predictions, metrics, classes)
    return facts


def _write(run: Path, suffix: str, facts: dict[str, Any], items: list[Item], predictions: Predictions,
           metrics: Metrics, classes: tuple[str, ...]) -> None:
    (run / f"metrics{suffix}.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    names = np.array(classes)
    table = pd.DataFrame({
        "id": [item.id for item in items], "path": [item.path for item in items],
        "speaker": [item.speaker for item in items], "label": names[predictions.labels],
        "prediction": names[predictions.probabilities.argmax(axis=1)]})
    table = table.join(pd.DataFrame(predictions.probabilities, columns=list(classes)))
    table.to_csv(run / f"predictions{suffix}.csv", index=False)
    draw_confusion(metrics, classes, run / f"confusion{suffix}.png", title=f"{run.name}{suffix}")


def _print_table(runs: list[Path], rows: list[dict[str, Any]], modality: str) -> None:
    table = Table(title=f"test clips, modality {modality}")
    for column in ("run", "protocol", "fold", "UAR", "WAR", "macro F1", "clips", "classes"):
        table.add_column(column, justify="left" if column in ("run", "protocol") else "right", overflow="fold")
    for run, row in zip(runs, rows, strict=True):
        table.add_row(str(run), row["protocol"], str(row["fold"]), *(f"{row[key]:.3f}" for key in
                      ("uar", "war", "macro_f1")), str(row["clips"]), str(row["classes_present"]))
    if len(rows) > 1:
        values = np.array([[row[key] for key in ("uar", "war", "macro_f1")] for row in rows])
        table.add_section()
        table.add_row("mean of runs", "", "", *(f"{value:.3f}" for value in values.mean(axis=0)), "", "")
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    console.print(table)
    for run, row in zip(runs, rows, strict=True):
        console.print(f"{run}: {row['split']}", markup=False, highlight=False, soft_wrap=True)

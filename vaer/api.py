"""Training and scoring as a program calls them."""

import json
from pathlib import Path
from typing import Any

from vaer.config import Config
from vaer.evaluation.options import Options
from vaer.evaluation.run import evaluate as evaluate_runs
from vaer.runs.folder import RunFolder
from vaer.training.folds import train_folds


def train(config: Config) -> RunFolder:
    """Train what `config` says, as `vaer train` does, and return the folder of the run, or that of its folds.

    Raises UserError or RunError.
    """
    train_folds(config)
    return RunFolder(Path(config.output))


def evaluate(run: str | Path | RunFolder, **options: Any) -> dict[str, Any]:
    """Score a run, or all of its folds together, as `vaer evaluate` does; what metrics.json then holds.

    `options` are the fields of `Options`, the flags of the command: modality, views, corpus, ...
    Raises UserError.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(Path(run))
    chosen = Options(**options)
    evaluate_runs([folder.path], chosen)
    place = RunFolder(folder.pooled) if folder.has_folds() else folder
    return json.loads(place.metrics_path(chosen.suffix).read_text(encoding="utf-8"))

"""`vaer curves`: what runs learned, epoch by epoch, as a figure; folds and seeds of the same settings as one band."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaer.atomic_files import read_facts
from vaer.config import HOW_IT_RAN, STARTS, dotted
from vaer.errors import UserError
from vaer.runs.folder import RunFolder
from vaer.runs.log import Log, read_log

ALONE = HOW_IT_RAN | {*STARTS, "seed", "data.fold", "train.refit"}
"""What runs of one band may differ in: seeds, folds, places, and what changes no result."""
MOST = 6
"""Bands that can be told apart, in black and white too."""


class Band(NamedTuple):
    """Runs that differ in their seed and fold alone."""

    name: str
    logs: list[Log]
    chance: float | None
    """UAR of an answer at random; None where the run does not tell its classes."""


class Line(NamedTuple):
    """A number epoch by epoch: its mean, least and most over the runs that came so far."""

    epochs: np.ndarray
    mean: np.ndarray
    least: np.ndarray
    most: np.ndarray


def bands_of(folders: Iterable[Path]) -> list[Band]:
    """The logs of all runs, grouped by settings in the order given; a folder of folds counts as its folds.

    Raises UserError for a folder that holds none, and for more bands than can be told apart.
    """
    groups: dict[str, list[Log]] = {}
    given: dict[str, list[Path]] = {}
    for folder in dict.fromkeys(folders):
        for run in _runs(RunFolder(folder)):
            settings = {name: value for name, value in dotted(run.settings()).items() if name not in ALONE}
            key = repr(sorted(settings.items(), key=lambda pair: pair[0]))
            groups.setdefault(key, []).append(read_log(run))
            if folder not in given.setdefault(key, []):
                given[key].append(folder)
    if len(groups) > MOST:
        raise UserError(f"{len(groups)} kinds of runs in one figure cannot be told apart; name runs of at most {MOST} "
                        f"settings, beside seeds and folds.")
    return [Band(_name(given[key], len(logs)), logs, _chance(logs[0])) for key, logs in groups.items()]


def line_of(logs: list[Log], key: str) -> Line | None:
    """The course of a number over the runs; None where no run tells it."""
    values: dict[int, list[float]] = {}
    for log in logs:
        for row in log.epochs:
            value = row.get(key)
            if isinstance(value, int | float) and math.isfinite(value):
                values.setdefault(row["epoch"], []).append(float(value))
    if not values:
        return None
    epochs = sorted(values)
    return Line(np.array(epochs), *(np.array([reduce(values[epoch]) for epoch in epochs])
                                    for reduce in (np.mean, np.min, np.max)))


def steps_of(log: Log, key: str) -> tuple[list[float], list[float]]:
    """The course of a number step by step: where it stands, in epochs, and its value."""
    last = {row["epoch"]: row["step"] for row in log.steps}  # of each epoch, and of the one under way so far
    steps_an_epoch = last.get(1) or max(last.values(), default=1)
    rows = [(row["step"] / steps_an_epoch, row.get(key)) for row in log.steps]
    known = [(place, value) for place, value in rows if isinstance(value, int | float) and math.isfinite(value)]
    return [place for place, _ in known], [value for _, value in known]


def draw(folders: list[Path], out: Path) -> list[str]:
    """Draw the curves into the files `out`.png and `out`.pdf; returns sentences on what they show."""
    from vaer.report.curves_picture import save_curves

    bands = bands_of(folders)
    out.parent.mkdir(parents=True, exist_ok=True)
    places = [out.with_name(f"{out.name}{suffix}") for suffix in (".png", ".pdf")]
    save_curves(bands, places)
    return [*(sentence for band in bands for sentence in describe_band(band)),
            *(f"written: {place}" for place in places)]


def describe_band(band: Band) -> list[str]:
    """The best epoch of a band's runs, and what its curves say that a reader should look for."""
    lines, best = [], [_best(log) for log in band.logs]
    known = [row for row in best if row is not None]
    if known:
        uars, epochs = [row["validation_uar"] for row in known], [row["epoch"] for row in known]
        lines.append(f"{band.name}: best validation UAR {_span(uars, '.3f')} in epoch {_span(epochs, 'd')}")
    else:
        last = [log.epochs[-1] for log in band.logs]
        lines.append(f"{band.name}: no validation clips; loss {_span([row['loss'] for row in last], '.3f')} in epoch "
                     f"{_span([row['epoch'] for row in last], 'd')}")
    for side, who in (("", "the network"), ("_video", "the video branch alone"), ("_audio", "the audio branch alone")):
        line = line_of(band.logs, f"validation_uar{side}") or line_of(band.logs, f"uar{side}")
        if line is not None and band.chance is not None and line.mean.max() < 1.5 * band.chance:
            lines.append(f"{band.name}: {who} never reached a UAR of 1.5 times chance ({line.mean.max():.3f}, chance "
                         f"{band.chance:.3f})")
    nll = line_of(band.logs, "validation_nll")
    if nll is not None and len(nll.mean) > 2 and nll.mean[-1] > nll.mean.min() + 0.1:
        lines.append(f"{band.name}: the validation cross-entropy rose again from {nll.mean.min():.3f} in epoch "
                     f"{nll.epochs[nll.mean.argmin()]} to {nll.mean[-1]:.3f}: it overfits, or grows too sure")
    return lines


def _best(log: Log) -> dict[str, Any] | None:
    rows = [row for row in log.epochs if row.get("validation_uar") is not None]
    return max(rows, key=lambda row: (row["validation_uar"], -row.get("validation_nll", 0.0)), default=None)


def _span(values: list[Any], form: str) -> str:
    least, most = min(values), max(values)
    return f"{least:{form}}" if least == most else f"{least:{form}} to {most:{form}}"


def _runs(folder: RunFolder) -> list[RunFolder]:
    """The run itself, or its folds that have begun to tell something."""
    if folder.log_path.is_file() or not folder.path.is_dir():
        return [folder]
    numbers = sorted(int(path.name[4:]) for path in folder.path.glob("fold*") if path.name[4:].isdecimal())
    return [fold for fold in map(folder.fold, numbers) if fold.log_path.is_file()] or [folder]


def _name(folders: list[Path], runs: int) -> str:
    names = [str(folder) for folder in folders]
    name = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    return f"{name} ({runs} runs)" if runs > 1 else name


def _chance(log: Log) -> float | None:
    classes = read_facts(log.run.facts_path).get("classes")
    return 1 / len(classes) if classes else None

"""What a person reads of an evaluation: files beside the run, tables on the screen."""

import json
import sys
import textwrap
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from vaer.evaluation.aligned import compare
from vaer.evaluation.calibration import UNCHANGED
from vaer.evaluation.mistakes import mistakes_of
from vaer.evaluation.plots import draw_confusion, draw_speakers
from vaer.evaluation.scored import CROSS_CORPUS, ENSEMBLE, Scored
from vaer.runs.folder import RunFolder
from vaer.words import counted

WIDTH = 80  # characters of what is laid out
SCORES = ("uar", "war", "macro_f1")
NOT_KEPT = "1 (none kept: see docs/evaluation.md)"


def write(scored: Scored, suffix: str) -> None:
    """Write metrics.json, predictions.csv, errors.csv, confusion.png and speakers.png into the folder of the run.

    `suffix` stands in their names.
    """
    folder, facts, run = scored.folder, scored.facts, RunFolder(scored.folder)
    folder.mkdir(parents=True, exist_ok=True)
    run.metrics_path(suffix).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    scored.predicted.table.to_csv(run.predictions_path(suffix), index=False)
    mistakes_of(scored.predicted).to_csv(run.errors_path(suffix), index=False)
    title = f"{folder.parent.name + '/' if folder.name == 'pooled' else ''}{folder.name}{suffix}"
    draw_confusion(facts, folder / f"confusion{suffix}.png", title)
    draw_speakers(facts, folder / f"speakers{suffix}.png", title)


def show(groups: list[list[Scored]]) -> None:
    """Print a table of all runs; a group is a run, or its folds with the pooled score last.

    One group is told in detail; several are compared with the first one, clip by clip.
    """
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for line in _overview(groups):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    main = [group[-1] for group in groups]
    if len(groups) == 1:
        console.print(_classes(main[0]))
        for line in _details(main[0]):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    for other in main[1:]:
        console.print(compare(main[0], other), markup=False, highlight=False, soft_wrap=True)
    for scored in main:
        adapted = [scored.facts["adaptation"]] if scored.facts["adaptation"] else []
        warnings = (f"WARNING: {warning}" for warning in scored.facts["warnings"])
        lines = (scored.facts["split"], *adapted, *_cut(scored.facts), *warnings)
        for line in lines:
            console.print(f"{scored.folder}: {line}", markup=False, highlight=False, soft_wrap=True)


def _cut(facts: dict) -> list[str]:
    """What a reader must know of clips that were not seen whole."""
    return [f"{facts['clips_cut']} of {counted(facts['clips'], 'clip')} longer than data.max_seconds "
            f"{facts['max_seconds']:g}, cut to the middle"] if facts.get("clips_cut") else []


def _overview(groups: list[list[Scored]]) -> list[str]:
    """A line on each run and a line of its scores, in 80 columns whatever the run is called."""
    lines = ["test clips", _scores(("UAR", "WAR", "macro F1"), "clips"), "-" * WIDTH]
    for group in groups:
        for scored in group:
            facts = scored.facts
            note = " GUARD LIFTED" * bool(facts["leaks"]) + " ADAPTED" * bool(facts["adaptation"])
            joined = ENSEMBLE if facts["protocol"] == CROSS_CORPUS else "pooled"
            fold = joined if isinstance(facts["fold"], list) else f"fold {facts['fold']}"
            drawn = f", {facts['remark']}" if facts["remark"] else ""
            speakers = counted(facts["speakers"], "speaker") if facts["speakers"] else "speakers unknown"
            lines += _wrapped(f"{scored.folder}{note}: modality {facts['modality']}, {facts['protocol']}{drawn}, "
                              f"{fold}; {speakers}, {counted(facts['classes_present'], 'class')}, chance "
                              f"{1 / facts['classes_present']:.3f}")
            lines.append(_scores([_with_interval(facts, name) for name in SCORES], str(facts["clips"])))
        if "mean_of_folds" in group[-1].facts:
            mean, folds = group[-1].facts["mean_of_folds"], group[-1].facts["folds"].values()
            spans = [[fold[name] for fold in folds] for name in mean]
            lines += ["mean of its folds, and least to most:", _scores([f"{value:.3f}" for value in mean.values()]),
                      _scores([f"{min(span):.3f} to {max(span):.3f}" for span in spans])]
        lines.append("-" * WIDTH)
    return lines


def _scores(values: Iterable[str], clips: str = "") -> str:
    return f"  {''.join(f'{value:>23}' for value in values)}{clips:>8}".rstrip()


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _with_interval(facts: dict, name: str) -> str:
    if facts["intervals"] is None:
        return f"{facts[name]:.3f}"
    low, high = facts["intervals"][name]
    return f"{facts[name]:.3f} [{low:.3f}, {high:.3f}]"


def _classes(scored: Scored) -> Table:
    table = Table(title=f"{scored.folder}: classes")
    for column in ("class", "recall", "precision", "F1", "clips"):
        table.add_column(column, justify="left" if column == "class" else "right")
    for name, row in scored.facts["per_class"].items():
        table.add_row(name, *(f"{row[key]:.3f}" for key in ("recall", "precision", "f1")), str(row["clips"]))
    return table


def _details(scored: Scored) -> list[str]:
    facts, calibration = scored.facts, scored.facts["calibration"]
    by_uar = sorted(facts["per_speaker"].items(), key=lambda pair: pair[1]["uar"])
    if not facts["per_speaker"]:
        lines = ["no interval: speakers unknown, and the clips of one speaker are right and wrong together"]
    elif facts["intervals"] is None:
        each = ", ".join(f"{name} {row['uar']:.3f}" for name, row in facts["per_speaker"].items())
        lines = [f"no interval: {counted(facts['speakers'], 'test speaker')}, {facts['intervals_need_speakers']} are "
                 f"needed; UAR of each: {each}"]
    else:
        (worst, low), (best, high) = by_uar[0], by_uar[-1]
        lines = [f"intervals: {facts['level']:.0%}, {facts['speakers']} speakers resampled; UAR of a speaker from "
                 f"{low['uar']:.3f} ({worst}) to {high['uar']:.3f} ({best})"]
    note = f"calibration error {calibration['error']:.3f}"
    if calibration["error_scaled"] is not None:
        temperatures = ", ".join(NOT_KEPT if value == UNCHANGED else f"{value:.2f}"
                                 for value in calibration["temperatures"].values())
        note += f", {calibration['error_scaled']:.3f} with temperature {temperatures} of the validation speakers"
    return [*lines, note]

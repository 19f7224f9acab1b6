"""Predicting many files: one answer each, interrupted and resumed at will, bad files named and left out."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vaer.choose import choose
from vaer.errors import MediaError, RunError, UserError
from vaer.inference.inputs import find_inputs
from vaer.inference.predictor import Predictor
from vaer.media.probe import probe
from vaer.output_folder import Content, open_output_folder
from vaer.renderings import RENDERINGS
from vaer.renderings.timeline import FORMAT, Timeline
from vaer.words import counted

ANSWERS = Content("the answers of a network", "answers", "predict anew")
SETTINGS = "predict.json"
FIRST = 1000
"""Files whose lengths are asked for before the first is answered, so that the time left is known."""


def predict_files(predictor: Predictor, named: Sequence[str], out: Path, *, renderings: Sequence[str] = ()) -> None:
    """Write the timeline of every file into `out` as JSON, and as each of `renderings`; a line a file on the screen.

    Files that were answered before are skipped, one that was interrupted goes on. Raises UserError where nothing can
    be begun, RunError at the end where a file could not be read.
    """
    for name in renderings:
        choose(RENDERINGS, name, "render")
    files = find_inputs(list(named))
    settings = {"format": FORMAT, "network": predictor.trained.sha256, "step_s": predictor.plan.step_s}
    open_output_folder(out / SETTINGS, settings, ANSWERS)
    for note in predictor.notes:
        print(f"{predictor.trained.name}: {note}", file=sys.stderr)
    bad = 0
    with Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
                  TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        lengths = {path: _seconds(path) for path in list(files)[:FIRST]}
        task = bar.add_task("", total=max(sum(lengths.values()), 1e-9))
        done_s = 0.0
        for number, (path, answer) in enumerate(files.items(), start=1):
            bar.update(task, description=f"file {number} of {len(files)}")

            def report_progress(end_s: float, before: float = done_s) -> None:
                bar.update(task, completed=before + end_s)

            try:
                timeline = _one(predictor, path, out / f"{answer}.json", report_progress)
            except MediaError as error:
                bad += 1
                print(f"vaer: {error}", file=sys.stderr)
            else:
                for name in renderings:
                    timeline.save(out / f"{answer}.{name}")
                print(line_of(path, timeline), flush=True)
            done_s += lengths.get(path, 0.0)
            bar.update(task, completed=done_s)
    if bad:
        raise RunError(f"{out}: {bad} of {counted(len(files), 'file')} could not be answered, named above; make them "
                       f"again or "
                       f"leave them out.")


def _one(predictor: Predictor, path: str, place: Path, progress: Callable[[float], None]) -> Timeline:
    """The timeline of a file, answered now or before."""
    if place.is_file():
        there = Timeline.read(place)
        if predictor.is_current(there, path):
            return there
    journal = place.with_name(f".{place.name}.part.jsonl")
    timeline = predictor.predict_file(path, journal=journal, progress=progress)
    timeline.save(place)
    journal.unlink(missing_ok=True)
    return timeline


def line_of(path: str, timeline: Timeline) -> str:
    """One line: the likeliest class of the whole, and from what it comes."""
    counts: dict[str, int] = {}
    for track in timeline.tracks:
        kind = track["track"].split()[0]
        counts[kind] = counts.get(kind, 0) + 1
    found = ", ".join(kind if kind != "face" else f"{count} face{'s' * (count > 1)}" for kind, count in counts.items())
    mean = timeline.mean["probabilities"]
    summary = "nothing to answer from" if mean is None else f"{timeline.prediction} {max(mean.values()):.2f}"
    return (f"{path}: {summary} ({timeline.content['recording']['duration_s']:.1f} s, {len(timeline.content['shots'])} "
            f"shot{'s' * (len(timeline.content['shots']) > 1)}, {found})")


def _seconds(path: str) -> float:
    try:
        return probe(path).duration_s
    except UserError:  # is named when its turn comes
        return 0.0

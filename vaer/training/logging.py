"""What a run says while it learns: a line an epoch on the screen, log.jsonl, steps.jsonl, trackers."""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vaer.atomic_files import write_text
from vaer.errors import log
from vaer.records import Batch
from vaer.runs.folder import RunFolder
from vaer.training.trackers import Trackers

SCREEN = 80  # columns


def epoch_line(row: dict[str, Any], epochs: int, *, best: bool) -> str:
    """An epoch in a line of the screen; what does not fit stands in the log alone."""
    parts = [f"epoch {row['epoch']:{len(str(epochs))}d}/{epochs}", f"loss {row['loss']:.3f}"]
    if "validation_uar" in row:
        parts.append(f"validation UAR {row['validation_uar']:.3f}{' best' * best}")
    for part in (f"{row['clips_per_s']:.1f} clips/s", f"wait {row['data_wait']:.0%}"):
        if len("  ".join([*parts, part])) < SCREEN:
            parts.append(part)
    return "  ".join(parts)


class RunLog:
    """The log of a run; on other processes than the main one every call does nothing."""

    def __init__(self, folder: RunFolder, *, main: bool, epochs_done: int, steps_done: int = 0,
                 trackers: tuple[str, ...] = (), settings: dict[str, Any] | None = None) -> None:
        """`steps_done` of the whole run; `settings` are told to trackers, by dotted names."""
        self.main, self.folder = main, folder
        if not main:
            return
        self.shown = {"epoch": forget_after(folder.log_path, "epoch", epochs_done),
                      "step": forget_after(folder.steps_path, "step", steps_done)}
        self.trackers = Trackers(folder, trackers, steps_done=steps_done, settings=settings or {})
        self.bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                            TimeRemainingColumn(), TextColumn("{task.fields[loss]}"), console=Console(), transient=True)
        self.task = self.bar.add_task("", loss="")
        self.bar.start()

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        if self.main:
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self, what: str, steps: int) -> None:
        """Start the bar of something before the first epoch."""
        if self.main:
            self.bar.reset(self.task, description=what, total=steps, loss="")

    def counting(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same, the bar moving on with each."""
        for batch in batches:
            yield batch
            if self.main:
                self.bar.update(self.task, advance=1)

    def begin_epoch(self, number: int, epochs: int, steps: int, done: int) -> None:
        """Start the bar of epoch `number` of `epochs` (from 1) with `done` of its `steps`."""
        if self.main:
            self.bar.reset(self.task, description=f"epoch {number}/{epochs}", total=steps, completed=done, loss="")

    def step(self, loss: float | None) -> None:
        """Move the bar on by a step, of this loss where it was read."""
        if self.main:
            self.bar.update(self.task, advance=1, **({} if loss is None else {"loss": f"loss {loss:.3f}"}))

    def epoch(self, row: dict[str, Any], step: int) -> None:
        """Write the numbers of an epoch, which `step` of the run ended, to the file and to the trackers."""
        if self.main:
            _append(self.folder.log_path, row)
            self._show(row, step, "", again=row["epoch"] <= self.shown["epoch"])

    def steps(self, row: dict[str, Any]) -> None:
        """Write the numbers of a few steps, up to the run's `step`."""
        if self.main:
            _append(self.folder.steps_path, row)
            self._show(row, row["step"], "step/", again=row["step"] <= self.shown["step"])

    def _show(self, row: dict[str, Any], step: int, prefix: str, *, again: bool) -> None:
        self.trackers.log({prefix + name: value for name, value in row.items()
                           if name not in ("epoch", "step") and value is not None and math.isfinite(value)}, step,
                          again=again)

    def close(self) -> None:
        """Take the bar away and close the trackers."""
        if self.main:
            self.bar.stop()
            try:
                self.trackers.finish()
            except OSError as error:  # the disk is full, say, which has ended the run already: this adds nothing
                log.warning("%s: the last curves could not be written (%s)", self.folder, error.strerror)


def _append(path: Path, row: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def forget_after(path: Path, key: str, done: int) -> int:
    """Drop rows that a resumed run does again, those whose `key` is over `done`, and a half-written last line.

    The highest `key` that stood there is the answer, 0 where there was none.
    """
    if not path.exists():
        return 0
    kept, most = [], 0
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        most = max(most, row[key])
        if row[key] <= done:
            kept.append(line + "\n")
    write_text(path, "".join(kept))
    return most

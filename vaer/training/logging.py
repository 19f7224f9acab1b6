"""What a run says while it learns: a line an epoch on the screen, log.jsonl, TensorBoard."""

import json
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from vaer.claim import write_text
from vaer.errors import log
from vaer.runs.folder import RunFolder


class RunLog:
    """The log of a run; on other processes than the main one every call does nothing."""

    def __init__(self, folder: RunFolder, *, main: bool, epochs_done: int) -> None:
        self.main, self.path = main, folder.log_path
        if not main:
            return
        self._forget_after(epochs_done)
        self.writer = SummaryWriter(str(folder.curves), purge_step=epochs_done + 1)
        self.bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                            TimeRemainingColumn(), TextColumn("{task.fields[loss]}"), console=Console(), transient=True)
        self.task = self.bar.add_task("", loss="")
        self.bar.start()

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        if self.main:
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin_epoch(self, number: int, epochs: int, steps: int, done: int) -> None:
        """Start the bar of epoch `number` of `epochs` (from 1) with `done` of its `steps`."""
        if self.main:
            self.bar.reset(self.task, description=f"epoch {number}/{epochs}", total=steps, completed=done, loss="")

    def step(self, loss: float) -> None:
        """Move the bar on by a step."""
        if self.main:
            self.bar.update(self.task, advance=1, loss=f"loss {loss:.3f}")

    def epoch(self, row: dict[str, Any]) -> None:
        """Write a row of numbers, `epoch` among them, to the file and to TensorBoard."""
        if not self.main:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in row.items():
            if name != "epoch" and value is not None:
                self.writer.add_scalar(name, value, row["epoch"])
        self.writer.flush()

    def close(self) -> None:
        """Take the bar away and close the files."""
        if self.main:
            self.bar.stop()
            try:
                self.writer.close()
            except OSError as error:  # the disk is full, say, which has ended the run already: this adds nothing
                log.warning("%s: the last curves could not be written (%s)", self.path.parent, error.strerror)

    def _forget_after(self, epochs_done: int) -> None:
        """Drop rows of epochs that a resumed run does again, and a half-written last line."""
        if not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            if row["epoch"] <= epochs_done:
                kept.append(line + "\n")
        write_text(self.path, "".join(kept))

"""How far a folder has come, on the screen; where there is none, a line now and then."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import Progress

from vaer.errors import as_text

LONG_S = 10.0  # a file that is at work for longer is named
LINE_S = 60.0  # between two lines where nobody watches a bar


class FolderProgress:
    """Files done, and the shares of those at work: a long film moves the bar, too."""

    def __init__(self, title: str, total: int, console: Console | None = None) -> None:
        self.title, self.total, self.done = title, total, 0
        self.console = console or Console(stderr=True)
        self.bar = Progress(console=self.console, transient=True)
        self.task = self.bar.add_task(title, total=total)
        self.since: dict[str, float] = {}
        self.lined_s = time.monotonic()

    def __enter__(self) -> "FolderProgress":
        self.bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.stop()

    def advance(self) -> None:
        """One file more is done."""
        self.done += 1
        self.bar.update(self.task, completed=self.done)

    def news(self, shares: dict[str, float]) -> None:
        """Which share of each file at work is done."""
        now_s = time.monotonic()
        self.since = {path: self.since.get(path, now_s) for path in shares}
        long = [path for path, began_s in self.since.items() if now_s - began_s > LONG_S]
        text = "".join(f"; {as_text(path)} {shares[path]:.0%}" for path in long[:2])
        self.bar.update(self.task, completed=min(self.total, self.done + sum(shares.values())),
                        description=self.title + text)
        if not self.console.is_terminal and long and now_s - self.lined_s > LINE_S:
            self.lined_s = now_s
            self.console.print(f"{self.title}: {self.done} of {self.total} done{text}", markup=False, highlight=False,
                               soft_wrap=True)

"""How far a folder has come."""

import io

import pytest
from rich.console import Console

from vaer.prepare import progress
from vaer.prepare.progress import FolderProgress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are told to."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_shares_of_files_at_work_move_the_bar():
    with FolderProgress("checking a", 3, Console(file=io.StringIO())) as bar:
        bar.advance()
        bar.news({"b.mp4": 0.5, "c.mp4": 0.25})
        assert bar.bar.tasks[0].completed == 1.75
        bar.news({})
        assert bar.bar.tasks[0].completed == 1


def test_a_long_file_is_named_and_has_a_line_where_nobody_watches(clock):
    out = io.StringIO()
    with FolderProgress("preparing a", 3, Console(file=out)) as bar:
        for clock[0] in (100, 109, 111, 161, 200, 222):
            bar.news({"short.mp4": 0.1} if clock[0] < 110 else {"long.mp4": (clock[0] - 100) / 200})
        assert bar.bar.tasks[0].description == "preparing a; long.mp4 61%"
    assert out.getvalue().split("\n")[:2] == ["preparing a: 0 of 3 done; long.mp4 30%",
                                              "preparing a: 0 of 3 done; long.mp4 61%"]

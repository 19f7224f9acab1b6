"""What a process may spend on one file, and how far it has come with it.

Processor time counts, so that a stopped process, a suspended job or a slow disk accuses nobody; besides, seconds in
which nothing at all happened, counted by a thread that is stopped with its process.
"""

import json
import math
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SPENT, IDLE = signal.SIGXCPU, signal.SIGALRM  # what a process dies of: of its processor time, of waiting
MINUTE_S = 60.0
MINUTE_PIXELS = 1500 * 1280 * 720  # of 25 frames of 720p a second
TICK_S = 0.25
ALIVE_S = 0.001  # processor time within a tick that shows that something happens
NOTE_S = 0.5  # between two notes of how far a file has come


class _Task:
    """What is at work in this process."""

    timeout_s = math.inf
    began_s = 0.0
    path = ""
    notes: str | None = None
    noted_s = -math.inf
    watch: threading.Thread | None = None


def limited(function: Callable[..., Any], arguments: list | tuple, path: str, timeout_s: float,
            notes: str | None = None) -> Any:
    """The result of a call that may take `timeout_s` of processor time; beyond that the process ends by SPENT.

    It ends by IDLE where nothing happens for as long. In the folder `notes` stands how far the call has come.
    """
    _Task.timeout_s, _Task.path, _Task.notes, _Task.noted_s = timeout_s, path, notes, -math.inf
    _Task.began_s = time.process_time()
    allow()
    if _Task.watch is None:
        _Task.watch = threading.Thread(target=_watch, daemon=True)
        _Task.watch.start()
    try:
        return function(*arguments)
    finally:
        _Task.timeout_s = math.inf
        allow()
        if notes is not None:
            Path(notes, str(os.getpid())).unlink(missing_ok=True)


def allow(duration_s: float = 0.0, num_pixels: float = 0.0) -> None:
    """Let the call at work take its limit for every minute that the file lasts, or that its pixels would."""
    minutes = max(1.0, duration_s / MINUTE_S, num_pixels / MINUTE_PIXELS)
    limit_s = _Task.timeout_s * minutes
    spent = math.ceil(_Task.began_s + limit_s) if limit_s < math.inf else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_CPU, (spent, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def reached(share: float) -> None:
    """Note how far the call at work has come, 0 to 1."""
    if _Task.notes is not None and time.monotonic() - _Task.noted_s > NOTE_S:
        _Task.noted_s = time.monotonic()
        Path(_Task.notes, str(os.getpid())).write_text(json.dumps([_Task.path, share]))


def shares(notes: str) -> dict[str, float]:
    """How far each file has come, by the notes of the processes that are at work."""
    found = {}
    for note in os.scandir(notes):
        try:
            path, share = json.loads(Path(note.path).read_text())
        except (OSError, ValueError):  # gone, or being written
            continue
        found[path] = share
    return found


def ignored(shares: dict[str, float]) -> None:
    """For whom it does not matter how far files have come."""


def _watch() -> None:
    idle_s, before_s = 0.0, time.process_time()
    while True:
        time.sleep(TICK_S)
        now_s = time.process_time()
        idle_s = idle_s + TICK_S if _Task.timeout_s < math.inf and now_s - before_s < ALIVE_S else 0.0
        before_s = now_s
        if idle_s >= _Task.timeout_s:
            os.kill(os.getpid(), IDLE)

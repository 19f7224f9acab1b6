"""How long decoding processes are waited for: as long as they work, and not after a signal."""

import os
import signal
import weakref
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from vaer.errors import RunError

POLL_S = 1.0
IDLE, STALLED, GRACE = 60, 600, 10
"""Polls without a sign of life: of processes that do nothing or are stopped, or read a file; and after a signal. Polls
are counted and not seconds, so that a job that was suspended does not find its processes late."""
STATES = {"T": "is stopped", "t": "is being debugged", "D": "waits for its disk"}


class WaitInterruptedError(RunError):
    """A signal asked for the end, and no data came."""


class ProcessState(NamedTuple):
    """What tells whether a process works."""

    state: str
    """A letter of proc(5); empty where the system does not say."""
    ticks: int
    """Processor time so far."""


def watch(iterator: Any, reading: Callable[[], dict[int, str]], interrupted: Callable[[], bool]) -> None:
    """Let an iterator of torch's DataLoader with processes end its waits by RunError, and those processes with it.

    `reading` gives the path that each process reads, by its number; `interrupted` whether a signal asked for the end.
    """
    # Nothing here may hold the iterator: its processes end when it is given up.
    held, once, workers = weakref.ref(iterator), type(iterator)._try_get_data, iterator._workers
    detector = StallDetector(workers, reading, interrupted)

    def get(timeout: float = POLL_S) -> tuple[bool, Any]:
        try:
            found = once(held(), min(timeout, POLL_S))
            detector.poll(found[0])
            return found
        except (RunError, KeyboardInterrupt):
            for worker in workers:  # one that stays stopped would be waited for at the end of the program
                if worker.is_alive():
                    os.kill(worker.pid, signal.SIGCONT)
            raise

    iterator._try_get_data = get


class StallDetector:
    """Counts the polls in which nothing came."""

    def __init__(self, workers: list[BaseProcess], reading: Callable[[], dict[int, str]],
                 interrupted: Callable[[], bool]) -> None:
        self.workers, self.reading, self.interrupted = workers, reading, interrupted
        self.before: object = None
        self.still = self.asked = 0

    def poll(self, came: bool) -> None:
        """Note that something `came` or not; raises RunError where it has been long enough."""
        if came:
            self.still = self.asked = 0
            return
        reading = self.reading()
        states = {worker.pid: process_state(worker.pid) for worker in self.workers}
        now = (reading, {pid: process.ticks for pid, process in states.items()})
        self.still = self.still + 1 if now == self.before else 0
        self.before = now
        self.asked = self.asked + 1 if self.interrupted() else 0
        if self.asked > GRACE:
            raise WaitInterruptedError(f"Interrupted while waiting for data ({_description(states, reading)}); go on "
                                       f"from the last saved state by the same command with --train.resume true.")
        letters = {process.state for process in states.values()}
        if self.still > (STALLED if "D" in letters or (reading and "T" not in letters) else IDLE):
            raise RunError(f"No data came for {self.still * POLL_S:.0f} s ({_description(states, reading)}); look at "
                           f"that disk and those processes, then go on by the same command with --train.resume true.")


def process_state(pid: int) -> ProcessState:
    """State and processor time of a process; empty where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ProcessState("", 0)
    return ProcessState(fields[0], int(fields[11]) + int(fields[12]))


def _description(states: dict[int, ProcessState], reading: dict[int, str]) -> str:
    parts = []
    for pid, process in states.items():
        state = STATES.get(process.state, "does nothing")
        parts.append(f"decoding process {pid} {state}" + (f", reading {reading[pid]}" if pid in reading else ""))
    return "; ".join(parts)

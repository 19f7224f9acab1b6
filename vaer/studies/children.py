"""Steps as processes: each says what it says into its run's folder, and leaves its reason there where it fails."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from vaer.studies.folder import StudyRun
from vaer.studies.step import BUSY

STEP = [sys.executable, "-m", "vaer.studies.step"]
"""What does a step; its task and its folders come after it."""
AGAIN_S = 2.0
"""How long a step waits whose run another process works on."""
LAST_BYTES = 20_000
NEVER = threading.Event()


class Step(NamedTuple):
    """What to do on which runs, wherever that is done."""

    task: str
    folders: list[str]
    """Absolute."""
    environment: dict[str, str]
    """Beside that of the process that starts it."""
    command: list[str]
    cwd: str
    """From where relative paths of settings are read."""


def perform(step: Step, stopping: threading.Event = NEVER, running: "set[subprocess.Popen] | None" = None) -> None:
    """Do a step to its end; what fails leaves its reason with its run, and the others are done all the same.

    Where another process works on a run, it is waited for. `stopping`: whoever started the step ends it, which is no
    failure; `running` is where it finds the process.
    """
    task, folders = step.task, step.folders
    runs = [StudyRun(Path(folder)) for folder in folders]
    left = runs
    while left and not stopping.is_set():
        left[0].failed_path.unlink(missing_ok=True)
        output = left[0].output_path
        start = output.stat().st_size if output.is_file() else 0
        status = _call(step, left, running)
        left = [run for run in left if not _is_done(run, task)]
        if status == 0 or stopping.is_set():
            return
        if status == BUSY:
            stopping.wait(AGAIN_S) if stopping is not NEVER else time.sleep(AGAIN_S)
        elif left:
            failed, *left = left
            failed.fail(task, status, _reason(failed, status, output, start, step.cwd))


def _call(step: Step, runs: list[StudyRun], running: "set[subprocess.Popen] | None") -> int:
    with runs[0].output_path.open("ab") as output:
        child = subprocess.Popen([*step.command, step.task, *(str(run.path) for run in runs)], cwd=step.cwd,
                                 stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                 env=os.environ | step.environment)
        if running is not None:
            running.add(child)
        try:
            return child.wait()
        finally:
            if running is not None:
                running.discard(child)


def _is_done(run: StudyRun, task: str) -> bool:
    return run.state() == "finished" if task == "train" else run.is_scored()


def _reason(run: StudyRun, status: int, output: Path, start: int, cwd: str) -> str:
    """The last that a failed step said since `start`, in which its own folder is not named: it is one of many."""
    if status < 0:
        name = signal.Signals(-status).name
        return f"its process was ended by {name}" + " (out of memory, perhaps)" * (name == "SIGKILL")
    with output.open("rb") as file:
        file.seek(max(start, output.stat().st_size - LAST_BYTES))
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    reason = next((line for line in reversed(lines) if line.startswith("vaer: ")), lines[-1] if lines else "")
    reason = reason.removeprefix("vaer: ")
    for name in (str(run.path), os.path.relpath(run.path, cwd)):
        reason = reason.removeprefix(f"{name}: ").replace(name, "the run")
    return reason or f"its process ended with status {status}"

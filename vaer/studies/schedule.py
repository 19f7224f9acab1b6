"""How many runs at once, on how many cores each, and how long it will take."""

import os
import shutil
import subprocess
from pathlib import Path
from statistics import median
from typing import NamedTuple

from vaer.atomic_files import read_facts, write_facts
from vaer.config import Config
from vaer.cores import usable_cores
from vaer.studies.folder import StudyRun, Work
from vaer.studies.plan import BEGUN, Plan

UNMEASURED_BYTES = 4 * 2**30
"""Memory that a run is given before any was measured."""
MEMORY = Path("/proc/meminfo")
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where control groups say how much memory there may be, in their second and first version."""
OWN, ROW, UNKNOWN = "its own epochs", "epochs of its row", "unknown"


class Slots(NamedTuple):
    """Runs at once, and what each has."""

    jobs: int
    threads: int
    """Of arithmetic, beside the processes that decode."""
    devices: list[str]
    """GPUs, which the slots take in turns; none on a machine without."""

    def environment(self, slot: int) -> dict[str, str]:
        """What a step in a slot finds in its environment."""
        found = {"OMP_NUM_THREADS": str(self.threads)}
        return found | ({"CUDA_VISIBLE_DEVICES": self.devices[slot % len(self.devices)]} if self.devices else {})


class TimeLeft(NamedTuple):
    """What is left of a run."""

    seconds: float | None
    basis: str
    """What that was measured in."""


def slots(plan: Plan, jobs: int | None, threads: int | None) -> Slots:
    """As many runs as cores and memory (and GPUs) bear, or `jobs`.

    The threads of a run are those with which the study began, written down in its folder: sums in another order end in
    other last digits.
    """
    workers = max((run.config.data.num_workers for run in plan.runs.values()), default=0)
    devices = visible_gpus()
    if jobs is None:
        bearing = len(devices) or max(1, usable_cores() // (1 + workers))
        jobs = max(1, min(bearing, free_bytes() // most_bytes(plan), len(plan.runs)))
    path = plan.output / BEGUN
    begun = read_facts(path)
    threads = begun.get("threads") or threads or max(1, usable_cores() // jobs - workers)
    if begun.get("threads") is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_facts(path, begun | {"threads": threads})
    return Slots(jobs, threads, devices)


def most_bytes(plan: Plan) -> int:
    """The most memory that a step of the study had, with the processes that decode for it."""
    measured = [work.peak_bytes for key in plan.runs for work in _folder(plan, key).work()]
    return max(measured, default=UNMEASURED_BYTES)


def free_bytes() -> int:
    """Memory that may be taken now; that of a control group where it is less."""
    free = [UNMEASURED_BYTES]
    if MEMORY.is_file():
        lines = dict(line.split(":", 1) for line in MEMORY.read_text().splitlines() if ":" in line)
        free = [int(lines.get("MemAvailable", lines["MemTotal"]).split()[0]) * 1024]
    texts = [path.read_text().strip() for path in LIMITS if path.is_file()]
    return min([*free, *(int(text) for text in texts if text.isdecimal())])


def visible_gpus() -> list[str]:
    """The GPUs of this machine, without asking torch; none where nothing tells of them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [one.strip() for one in chosen.split(",") if one.strip() and one.strip() != "-1"]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU ")]


def time_left(plan: Plan) -> dict[str, TimeLeft]:
    """How long each run will still take, by the epochs of begun and finished runs of its rows."""
    folders = {key: _folder(plan, key) for key in plan.runs}
    epochs_s = {key: folder.epoch_s() for key, folder in folders.items()}
    factor = _beside_epochs(folders, epochs_s)
    found = {}
    for key, run in plan.runs.items():
        if folders[key].state() == "finished":
            found[key] = TimeLeft(0.0, OWN)
            continue
        done = folders[key].run.facts().get("epochs", 0) if epochs_s[key] is not None else 0
        own = epochs_s[key]
        alike = [seconds for other in _of_its_rows(plan, key) if (seconds := epochs_s[other]) is not None]
        epoch_s = own if own is not None else median(alike) if alike else None
        left = None if epoch_s is None else factor * epoch_s * max(0, planned_epochs(run.config) - done)
        found[key] = TimeLeft(left, UNKNOWN if left is None else OWN if own is not None else ROW)
    return found


def _of_its_rows(plan: Plan, key: str) -> list[str]:
    return [other for name, _ in plan.places_of(key) for other in plan.rows[name].runs.values()]


def _beside_epochs(folders: dict[str, StudyRun], epochs_s: dict[str, float | None]) -> float:
    """What a run takes beside the steps of its epochs, starting and validating, as a factor on them."""
    factors = []
    for key, folder in folders.items():
        work: list[Work] = [one for one in folder.work() if one.task == "train" and one.epochs]
        seconds = epochs_s[key]
        if work and seconds:
            factors.append(sum(one.wall_s for one in work) / (seconds * sum(one.epochs for one in work)))
    return max(1.0, median(factors)) if factors else 1.0


def planned_epochs(config: Config) -> int:
    """Passes over the training clips."""
    return config.train.stop_epoch or config.train.epochs


def describe_seconds(seconds: float) -> str:
    """A time in words."""
    minutes = seconds / 60
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _folder(plan: Plan, key: str) -> StudyRun:
    return StudyRun(plan.runs[key].folder.path)

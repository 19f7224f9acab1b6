"""How many cores a process may use, which is often fewer than the machine has."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc/self")


def usable_cores() -> int:
    """Cores of this process: of its affinity (taskset, SLURM), or fewer by the quotas of its control groups (Docker).

    A part of a core counts as one. At least 1.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *map(math.ceil, _quotas(PROC))]))


def _quotas(proc: Path) -> Iterator[float]:
    """Cores by each quota that holds for the process of `proc`: those of its group and of every group above it."""
    for mount, root, options in _hierarchies(proc):
        group = _group(proc, options)
        if group is None:
            continue
        # In a container the mount shows a part of the tree, whose root the name of the group may or may not hold.
        inside = group.relative_to(root) if group.is_relative_to(root) else group.relative_to("/")
        for folder in (mount / inside, *(mount / parent for parent in inside.parents)):
            yield from _quota(folder)


def _hierarchies(proc: Path) -> Iterator[tuple[Path, Path, set[str] | None]]:
    """Where control groups of processor time are mounted, which group lies there, and the controllers; v2: None."""
    for line in _lines(proc / "mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in ("cgroup", "cgroup2"):
            continue
        options = None if kinds[0] == "cgroup2" else set(kinds[2].split(","))
        if options is None or "cpu" in options:
            yield Path(fields[4]), Path(fields[3]), options


def _group(proc: Path, options: set[str] | None) -> Path | None:
    """The group of the process in the hierarchy of some controllers."""
    for line in _lines(proc / "cgroup"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if (number == "0" and not names) if options is None else "cpu" in names.split(","):
            return Path(path)
    return None


def _quota(folder: Path) -> Iterator[float]:
    """Cores that the files of a group grant; nothing without a quota."""
    second = " ".join(_lines(folder / "cpu.max")).split()
    first = [line for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us") for line in _lines(folder / name)]
    for values in (second, first):
        if len(values) == 2 and all(value.isdecimal() and int(value) for value in values):  # else "max", or -1
            yield int(values[0]) / int(values[1])


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # another system, an older kernel, a group that may not be looked into
        return []

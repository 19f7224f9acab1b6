"""`vaer doctor`: what this machine has for training, a line each, with the remedy where something is missing."""

import json
import os
import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from vaer.doctor.libraries import NEEDED, Library, complaint, install, remedy, try_libraries, unmet
from vaer.version import version

GIB = 2**30
LIBRARIES = (*NEEDED, "decord", "torchcodec", "dlib", "nvdec")
LACKING = {  # what is lost without those that training can do without
    "decord": "PyAV decodes instead",
    "torchcodec": "a further decoder, and frames decoded on the GPU; pip install 'vaer[torchcodec]' and FFmpeg's "
                  "shared libraries",
    "dlib": "vaer prepare finds no faces without it",
    "nvdec": "no frames are decoded on the GPU: --data.decode_device cuda is out of reach here"}
SMALLEST_SHARED = GIB  # as docs/scaling.md: several batches of 16 clips of 32 frames of 224 pixels, 74 MiB each
FEWEST_FILES = 1024  # workers send batches through open files
SMALLEST_ROOM = 10 * GIB  # an installation and a first run


class Finding(NamedTuple):
    """A line of the report."""

    name: str
    state: str
    """ok; note: training works without it; fault: training does not work."""
    text: str
    remedy: str | None = None


def doctor(*, as_json: bool) -> int:
    """Print the report; the exit status: 1 where training cannot work, else 0."""
    findings = examine()
    if as_json:
        print(json.dumps({"vaer": version(), "platform": platform.platform(),
                          "findings": [finding._asdict() for finding in findings]}, indent=2))
    else:
        for finding in findings:
            print(f"{finding.state:5} {finding.name:12} {finding.text}")
            if finding.remedy:
                print(f"{'':5} {'':12} -> {finding.remedy}")
    return int(any(finding.state == "fault" for finding in findings))


def examine() -> list[Finding]:
    """Every finding, in the order of the report; takes seconds, since libraries are imported."""
    return [_python(), _requirements(), *map(_library, try_libraries(LIBRARIES)), _starter(), *_limits()]


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")


def _requirements() -> Finding:
    others = unmet()
    if not others:
        return Finding("packages", "ok", "every package that vaer requires is there, within its range")
    return Finding("packages", "fault", ", ".join(f"{name} {version or 'missing'}" for name, version in others.items()),
                   install(others))


def _library(library: Library) -> Finding:
    if library.loads:
        return Finding(library.name, "ok", f"{library.version}; {library.text}" if library.version else library.text)
    if library.name in NEEDED:
        return Finding(library.name, "fault", complaint(library), remedy(library.name))
    return Finding(library.name, "note", " ".join(filter(None, (library.version, library.text))),
                   LACKING[library.name])


def _starter() -> Finding:
    if find_spec("vaer_starter") is None:
        return Finding("starter", "note", "not installed: vaer predict FILE has no network to ask",
                       "pip install ./starter in a clone of vaer, or name a run: vaer predict RUN FILE")
    return Finding("starter", "ok", "vaer predict FILE asks it; CC BY-NC-SA 4.0")


def _limits() -> list[Finding]:
    found = [_disk()]
    shared = Path("/dev/shm")
    if shared.is_dir():
        found.append(_shared_memory(shutil.disk_usage(shared).free))
    if os.name == "posix":
        import resource  # not on Windows

        found.append(_open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    return found


def _disk() -> Finding:
    free = shutil.disk_usage(".").free
    enough = free >= SMALLEST_ROOM
    return Finding("disk", "ok" if enough else "note", f"{free / GIB:.1f} GiB free in {Path.cwd()}",
                   None if enough else "a run writes its states there; make room, or give --output another disk")


def _shared_memory(free: int) -> Finding:
    enough = free >= SMALLEST_SHARED
    return Finding("/dev/shm", "ok" if enough else "note", f"{free / GIB:.2f} GiB free for batches on their way",
                   None if enough else "start a container with --shm-size 1g, or give --data.num_workers 0")


def _open_files(soft: int) -> Finding:
    enough = soft < 0 or soft >= FEWEST_FILES  # -1: no limit
    return Finding("open files", "ok" if enough else "note", "no limit" if soft < 0 else f"at most {soft}",
                   None if enough else f"ulimit -n {FEWEST_FILES} before the command")

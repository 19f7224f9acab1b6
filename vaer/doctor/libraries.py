"""Whether the native libraries load, each tried in a process of its own, and the sentence where one does not."""

import json
import platform
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import Requirement

TIMEOUT_S = 300.0  # a first import from a slow network disk
PACKAGES = {"dlib": "dlib-bin"}
"""Where the name of the distribution is not that of its module."""
PAIRED = {"torchvision": "torch", "torchaudio": "torch", "accelerate": "torch"}
"""What is compiled against, or built on, which other library."""
TRIO = ("torch", "torchvision", "torchaudio")
NEEDED = (*TRIO, "accelerate", "av")
"""Without these nothing trains."""


class Library(NamedTuple):
    """What came of importing a library."""

    name: str
    version: str | None
    """None: not installed."""
    loads: bool
    text: str
    """What it says of itself, or why it does not load."""


def try_libraries(names: Iterable[str]) -> list[Library]:
    """Import each library in a process of its own, several at once, and say what came of it."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(_try, names))


def _try(name: str) -> Library:
    version = installed(PACKAGES.get(name, name))
    if version is None and name != "nvdec":
        return Library(name, None, False, "not installed")
    try:
        done = subprocess.run([sys.executable, "-m", "vaer.doctor.probes", name], capture_output=True, text=True,
                              errors="replace", timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return Library(name, version, False, f"does not load within {TIMEOUT_S:.0f} s")
    if done.returncode < 0:
        return Library(name, version, False, f"crashes while it loads ({signal.Signals(-done.returncode).name})")
    if done.returncode:
        return Library(name, version, False, _reason(done.stderr))
    return Library(name, version, True, json.loads(done.stdout.splitlines()[-1]))


def _reason(stderr: str) -> str:
    """The root of a chain of tracebacks: the first error that stands at the start of a line."""
    lines = stderr.splitlines()
    roots = [line for before, line in zip(["", *lines], lines, strict=False)
             if before.startswith("    ") and line[:1].isalpha() and ": " in line]
    return " ".join((roots or lines or ["no reason given"])[0].split())[:300]


def installed(package: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def what_does_not_load() -> str | None:
    """One sentence on a library that training needs and that does not load here, or None; takes seconds."""
    broken = next((library for library in try_libraries(NEEDED) if not library.loads), None)
    return broken and sentence(broken)


def sentence(library: Library) -> str:
    """What does not load beside what, why, and the command that mends it."""
    return f"{complaint(library)}; {remedy(library.name)}."


def complaint(library: Library) -> str:
    """What does not load beside what, and why."""
    if library.version is None:
        return f"{library.name} is not installed"
    other = PAIRED.get(library.name)
    beside = f" beside {other} {installed(other)}" if other else ""
    return f"{library.name} {library.version} does not load{beside} ({library.text})"


def remedy(name: str) -> str:
    """The command that installs what `name` needs to load; libraries that go together are installed together."""
    names = TRIO if name in TRIO else (PACKAGES.get(name, name),)
    return install(names, "--force-reinstall " * any(map(installed, names)))


def install(names: Iterable[str], how: str = "--upgrade ") -> str:
    """The command that installs packages within the ranges that vaer asks."""
    wanted = " ".join(f"'{name}{requirements().get(name, '')}'" for name in names)
    return f"pip install {how}{wanted}, or `make setup` in a clone"


def requirements() -> dict[str, str]:
    """The version range that vaer asks of each package it needs here, extras left out; nothing if not installed."""
    parsed = [Requirement(text) for text in metadata.requires("vaer") or []] if installed("vaer") else []
    return {part.name: str(part.specifier) for part in parsed if part.marker is None or part.marker.evaluate(
        {"extra": "", "platform_machine": platform.machine()})}


def unmet() -> dict[str, str | None]:
    """The packages that are installed otherwise than vaer asks, with the version that is there, or not at all."""
    ranges = requirements()
    found = {name: installed(name) for name in ranges}
    return {name: version for name, version in found.items() if version is None or not Requirement(
        f"{name}{ranges[name]}").specifier.contains(version, prereleases=True)}

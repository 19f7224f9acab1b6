"""The version, which tells commits apart: 0.1.0+g followed by the commit in a clone, what was built elsewhere."""

import subprocess
from importlib import metadata
from pathlib import Path

BASE = "0.1.0"


def version() -> str:
    """In a clone `BASE` and its commit, with `.changed` where files differ; else that of what is installed."""
    commit = git_commit()
    if commit is not None:
        return f"{BASE}+g{commit.rstrip('+')[:9]}" + ".changed" * commit.endswith("+")
    try:
        return metadata.version("vaer")
    except metadata.PackageNotFoundError:
        return BASE


def git_commit() -> str | None:
    """Commit of the clone the package lies in, with `+` where files differ from it; None outside of a clone."""
    folder = Path(__file__).resolve().parent
    try:
        _git("ls-files", "--error-unmatch", __file__, cwd=folder)  # a virtual environment inside a foreign clone
        changed = _git("status", "--porcelain", "-uno", cwd=folder)
        return _git("rev-parse", "HEAD", cwd=folder) + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str, cwd: Path) -> str:
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()

"""Where figures come from: command, commit, versions and machine."""

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("vaer", "torch", "torchvision", "torchaudio", "accelerate", "timm", "decord", "torchcodec", "av",
             "numpy")


def machine_facts() -> dict[str, Any]:
    """Command, commit, versions and machine: what a reader needs to judge or repeat a figure."""
    import torch

    versions: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "command": " ".join(sys.argv), "git_commit": git_commit(), "versions": versions,
        "python": platform.python_version(), "machine": platform.platform(), "processor": platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch_threads": torch.get_num_threads()}


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

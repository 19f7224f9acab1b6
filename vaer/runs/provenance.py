"""Where figures come from: command, commit, versions and machine."""

import platform
import sys
from importlib import metadata
from typing import Any

from vaer.version import git_commit

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

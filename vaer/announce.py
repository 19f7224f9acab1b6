"""The first line of a command that loads torch: what was asked for, said before the seconds that this takes."""

import os
from pathlib import Path

from vaer.config import Config


def print_first(text: str) -> None:
    """Print a line at once; of several processes that were launched together, only the first does."""
    if os.environ.get("RANK", "0") == "0":
        print(text, flush=True)


def training_plan(config: Config) -> str:
    """What a run is asked to learn, from where and into which folder."""
    data = config.data
    branches = " and ".join(name for name in ("video", "audio") if getattr(config.model, name).enabled)
    return (f"{config.output}: train on {branches} of {data.corpus} in {data.root}, protocol {data.protocol} fold "
            f"{data.fold}, seed {config.seed}; loading")


def scoring_plan(runs: list[Path], modality: str) -> str:
    """Which runs are to be scored, and what of what they know."""
    return f"{', '.join(map(str, runs))}: score{f' on {modality} alone' * (modality != 'both')}; loading"

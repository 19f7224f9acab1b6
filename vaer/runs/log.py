"""What a run wrote while it learned, read back; runs of older versions wrote less, and no steps."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from vaer.errors import UserError
from vaer.runs.folder import RunFolder


class Log(NamedTuple):
    """The numbers of one training run."""

    run: RunFolder
    epochs: list[dict[str, Any]]
    """A row an epoch, in order, from `log.jsonl`."""
    steps: list[dict[str, Any]]
    """A row every few steps, from `steps.jsonl`; empty where the run wrote none."""


def read_log(run: RunFolder) -> Log:
    """The log of a run, of one under way too; raises UserError where it has none, or no epoch has ended."""
    if not run.log_path.is_file():
        raise UserError(f"{run}: holds no {run.log_path.name}; name the folder of a run that trains or trained.")
    epochs = rows_of(run.log_path, "epoch")
    if not epochs:
        raise UserError(f"{run.log_path}: tells no epoch yet; come back when the first one has ended.")
    return Log(run, epochs, rows_of(run.steps_path, "step"))


def rows_of(path: Path, key: str) -> list[dict[str, Any]]:
    """The rows in the order of `key`, of two with the same one the later; none where there is no such file.

    A last line that is being written is left. Raises UserError for lines that are no rows.
    """
    if not path.is_file():
        return []
    found = {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise UserError(f"{path}: line {number} is not JSON ({error.msg}); copy the run again.") from error
        if not isinstance(row, dict) or not isinstance(row.get(key), int):
            raise UserError(f"{path}: line {number} names no {key}; copy the run again.")
        found[row[key]] = row
    return [found[place] for place in sorted(found)]

"""What a prepared corpus says of its clips: `manifest.csv` in its root, a row a clip."""

import csv
import math
import os
from pathlib import Path

from vaer.errors import UserError
from vaer.records import Item

NAME = "manifest.csv"


def with_durations(items: list[Item], root: Path) -> list[Item]:
    """The items, with `duration_s` from the root's manifest for those whose file is in it; without one, as they are."""
    if not (root / NAME).is_file():
        return items
    known = read_durations(root / NAME)
    prefix = os.path.join(root, "")
    durations = (known.get(item.path.removeprefix(prefix), item.duration_s) for item in items)
    return [item._replace(duration_s=duration_s) for item, duration_s in zip(items, durations, strict=True)]


def read_durations(path: Path) -> dict[str, float]:
    """Seconds by path relative to the root; empty for a table without the columns `path` and `duration_s`.

    Rows without a duration are left out. Raises UserError for a table that cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            columns = next(rows, [])
            if not {"path", "duration_s"} <= set(columns):
                return {}
            name, duration_s = columns.index("path"), columns.index("duration_s")
            known = {row[name]: float(row[duration_s]) for row in rows if row and row[duration_s]}
            if wrong := [path for path, seconds in known.items() if not 0 < seconds < math.inf]:
                raise ValueError(f"{wrong[0]} would last {known[wrong[0]]} s")
            return known
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, IndexError) as error:
        raise UserError(f"{path}: cannot be read as the manifest of a prepared corpus ({error}); prepare the corpus "
                        f"again, or move the file elsewhere.") from error

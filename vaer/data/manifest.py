"""What a prepared corpus says of its clips: `manifest.csv` in its root, a row a clip."""

import math
import os
from pathlib import Path

from vaer.data.files import is_clip
from vaer.data.rows import LackingError, read_rows
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
        rows = read_rows(path, ("path", "duration_s"), "a manifest has a line a clip", whole=True, windows=False,
                         is_row=lambda row: is_clip(row.get("path", "")))
        known = {row["path"]: float(row["duration_s"]) for row in rows.values() if row["path"] and row["duration_s"]}
        if wrong := [path for path, seconds in known.items() if not 0 < seconds < math.inf]:
            raise ValueError(f"{wrong[0]} would last {known[wrong[0]]} s")
        return known
    except LackingError:
        return {}
    except ValueError as error:
        raise UserError(f"{path}: cannot be read as the manifest of a prepared corpus "
                        f"({str(error).removeprefix(f'{path}: ').rstrip('.')}); prepare the corpus again, or move the "
                        f"file elsewhere.") from error

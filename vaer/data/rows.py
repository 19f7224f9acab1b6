"""The rows of a CSV file that somebody wrote."""

import csv
from collections.abc import Sequence
from pathlib import Path

from vaer.errors import UserError

Rows = dict[int, dict[str, str]]  # by the line that they end on


def read_rows(path: Path, required: Sequence[str], wants: str) -> Rows:
    """The rows of a CSV, all of whose cells are there, without the blanks around them.

    Raises UserError where it cannot be read, lacks a column of `required`, names one twice, or has no rows or one that
    is too long; `wants` says, as a clause, who wants what.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", skipinitialspace=True)
            columns = reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            rows = {}
            for row in reader:
                rows[reader.line_num] = row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a CSV ({error}); {wants}, in UTF-8.") from error
    missing = [name for name in required if name not in columns]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise UserError(f"{path}: lacks the column {', '.join(missing[:3])}{more}; {wants}.")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise UserError(f"{path}: names the column {twice[0]!r} more than once; leave one of them.")
    if not rows:
        raise UserError(f"{path}: holds no rows; {wants}.")
    if too_long := [line for line, row in rows.items() if None in row]:
        raise UserError(f"{path}: line {too_long[0]} has more cells than the first line has columns; put text that "
                        f"holds commas in double quotes.")
    return {line: {name: cell.strip() for name, cell in row.items()} for line, row in rows.items()}

"""The command `vaer compare`: from the words that name runs to tables and figures."""

from pathlib import Path

import pandas as pd

from vaer.checks import require
from vaer.evaluation.breakdown import score_by
from vaer.evaluation.comparison import Row, compare_rows, join
from vaer.evaluation.mistakes import mistakes_of_seeds
from vaer.evaluation.rows import read_rows
from vaer.report.comparison import show_comparison, write_comparison


def compare(words: list[str], *, by: list[str], out: Path | None, errors: bool) -> None:
    """Print the table of the runs that `words` name, and write it into `out`; nothing is decoded. Raises UserError."""
    require(not errors or out is not None, "--errors true: needs --out, the folder for errors.csv.")
    require(out is None or not out.exists() or out.is_dir(), f"--out {out}: is a file; name a folder.")
    rows = read_rows(words)
    scores = compare_rows(rows)
    values = {attribute: score_by(rows, attribute) for attribute in dict.fromkeys(by)}
    show_comparison(scores, values)
    if out is not None:
        write_comparison(out, scores, values, mistakes_of_rows(rows) if errors else None)
        print(f"written to {out}")


def mistakes_of_rows(rows: list[Row]) -> pd.DataFrame:
    """The clips that each row answers wrongly, the surest first."""
    tables = [mistakes_of_seeds(join(row)) for row in rows if row.parts]
    for row, table in zip((row for row in rows if row.parts), tables, strict=True):
        table.insert(0, "row", row.name)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

"""The rows of a table that somebody wrote: by hand, by a script, or in a spreadsheet."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from vaer.data.encoding import read_text
from vaer.errors import UserError

Rows = dict[int, dict[str, str]]  # by the line that they end on
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t ]*', flags=re.IGNORECASE)
"""The first line by which a spreadsheet tells what stands between cells."""
LINE_BREAK = re.compile(r"\r\n|\r|\n")
END = "\0end of table\0"
"""A line put after the last: where it is not read as a row of its own, a quote is open."""


class Record(NamedTuple):
    """A row as it stands there: the lines that it begins and ends on, and its cells."""

    first: int
    last: int
    cells: list[str]


class Layout(NamedTuple):
    """How a table is laid out."""

    delimiter: str
    skipped: int
    """Lines before those that are read."""
    lines: list[str]


def read_rows(path: Path, required: Sequence[str], wants: str, *, optional: Sequence[str] = (),
              is_row: Callable[[dict[str, str]], bool] = lambda row: False, whole: bool = False,
              windows: bool = True) -> Rows:
    """The rows of a table, all of whose cells are there, without the blanks around them.

    Cells stand between commas, semicolons, tabs or bars, whichever make the columns of `required`; case and blanks of
    names that are known (`required` and `optional`) do not matter, rows without any text are none. `is_row`
    tells a row by some of its cells, so that one inside of an open quote is seen. Raises UserError where the
    table cannot be read, lacks a column, names one twice, or has no rows, or one that is too long or (`whole`) too
    short; `wants` says, as a clause, who wants what.
    """
    layout = layout_of(read_text(path, wants, windows=windows), required)
    records = _records(path, layout)
    header = records[0].cells if records else []
    columns = _names(header, (*required, *optional))
    missing = [name for name in required if name not in columns]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise LackingError(f"{path}: lacks the column {', '.join(missing[:3])}{more}; {wants} (the first line has "
                             f"{_column_names(header)}).")
    _require_closed(path, layout, records, columns, required, is_row)
    rows = [record for record in records[1:] if any(record.cells)]
    _require_names(path, columns, rows)
    if not rows:
        raise LackingError(f"{path}: holds no rows; {wants}.")
    for record in rows:
        if len(record.cells) > len(columns) and any(record.cells[len(columns):]):
            raise UserError(f"{path}: line {record.last} has more cells than the first line has columns; put text that "
                            f"holds {DELIMITERS.get(layout.delimiter, repr(layout.delimiter))} in double quotes.")
        if whole and len(record.cells) < len(columns):
            raise UserError(f"{path}: line {record.last} has {len(record.cells)} cells where the first line has "
                            f"{len(columns)} columns; {wants}.")
    empty = {place for place, name in enumerate(columns) if not name and not any(_cell(row, place) for row in rows)}
    if not empty:
        return {row.last: dict(zip_longest(columns, row.cells[:len(columns)], fillvalue="")) for row in rows}
    named = {place: name for place, name in enumerate(columns) if place not in empty}
    return {row.last: {name: _cell(row, place) for place, name in named.items()} for row in rows}


class LackingError(UserError):
    """A table without rows, or without the columns that it should have."""


def layout_of(text: str, required: Sequence[str]) -> Layout:
    """What stands between the cells of a table: what its first line says, else what makes the columns of `required`."""
    lines = list(io.StringIO(text, newline=""))
    if lines and (match := SEPARATOR.fullmatch(lines[0].rstrip("\r\n"))):
        return Layout(match[1], 1, lines[1:])
    header = next((line for line in lines if line.strip(" \r\n" + "".join(DELIMITERS))), "")

    def found(delimiter: str) -> tuple[int, int]:
        cells = _split(header, delimiter)
        return sum(name in required for name in _names(cells, required)), len(cells)

    return Layout(max(DELIMITERS, key=found), 0, lines)


def _records(path: Path, layout: Layout) -> list[Record]:
    """The rows from the header on, cells without blanks around them; raises UserError where a quote stays open."""
    lines = [*layout.lines, END] if layout.lines and layout.lines[-1].endswith(("\r", "\n")) else [
        *layout.lines[:-1], *[f"{line}\n" for line in layout.lines[-1:]], END]
    reader = csv.reader(lines, delimiter=layout.delimiter, skipinitialspace=True)
    records: list[Record] = []
    try:
        for cells in reader:
            first = records[-1].last + 1 if records else 1 + layout.skipped
            records.append(Record(first, reader.line_num + layout.skipped, [cell.strip() for cell in cells]))
    except csv.Error:  # a cell without an end
        raise _left_open(path, records[-1].last + 1 if records else 1 + layout.skipped) from None
    if (last := records.pop()).cells != [END]:
        raise _left_open(path, last.first)
    while records and not any(records[0].cells):
        del records[0]
    return records


def _left_open(path: Path, line: int) -> UserError:
    return UserError(f"{path}: line {line} opens a double quote that is not closed, which makes one cell of all that "
                     f"follows; close it, or take it out.")


def _require_closed(path: Path, layout: Layout, records: list[Record], columns: list[str], required: Sequence[str],
                    is_row: Callable[[dict[str, str]], bool]) -> None:
    """Refuse a row over several lines that has swallowed others: text may hold line breaks, a row may not.

    A quote that is never meant to close ends at the next one, be it rows later. Then text follows that one at once, or
    a line inside begins like a row, or what names something holds line breaks.
    """
    several = [record for record in records if record.first != record.last]
    if not several:
        return
    key = columns.index(required[0])
    usual = {_shape(_cell(record, key)) for record in records[1:] if record.first == record.last} - {""}
    for record in several:
        inside = [row for place in range(len(record.cells))
                  for row in _inside(record, place, columns, layout.delimiter)]
        rows = any(is_row(row) or (len(row) > 1 and _shape(row.get(required[0], "")) in usual) for row in inside)
        broken = any(LINE_BREAK.search(_cell(record, columns.index(name))) for name in required)
        if rows or broken or not _closes_well(layout, record):
            raise UserError(f"{path}: lines {record.first} to {record.last} are read as one row, as a double quote "
                            f"that opens in line {record.first} closes in line {record.last} only; close it where its "
                            f"text ends, or take it out (or the line breaks, if they belong into the cell).")


def _inside(record: Record, place: int, columns: list[str], delimiter: str) -> list[dict[str, str]]:
    """What the lines of cell number `place` would be as rows: cells by column; the first line goes on with its row."""
    first, *others = LINE_BREAK.split(record.cells[place])
    if not others:
        return []
    return [dict(zip(columns[place:], _split(first, delimiter), strict=False)),
            *(dict(zip(columns, _split(line, delimiter), strict=False)) for line in others)]


def _closes_well(layout: Layout, record: Record) -> bool:
    """Whether every quote of a row closes where its cell ends."""
    lines = layout.lines[record.first - 1 - layout.skipped:record.last - layout.skipped]
    try:
        return bool(list(csv.reader(lines, delimiter=layout.delimiter, skipinitialspace=True, strict=True)))
    except csv.Error:
        return False


def _split(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]


def _shape(name: str) -> str:
    """How a name is made, whatever its letters and digits; empty for mere letters, which make every word."""
    shape = re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "a", name))
    return "" if shape in ("a", "") else shape


def _names(header: list[str], known: Sequence[str]) -> list[str]:
    """Names of columns; known ones as they are known."""
    usual = {_plain(name): name for name in known}
    return [usual.get(_plain(name), name.strip()) for name in header]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip("\ufeff \t").casefold()


def _require_names(path: Path, columns: list[str], rows: list[Record]) -> None:
    """Refuse a name that stands twice, and cells under several columns without one."""
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise UserError(f"{path}: names the column {twice[0]!r} more than once; leave one of them.")
    nameless = [place for place, name in enumerate(columns) if not name and any(_cell(row, place) for row in rows)]
    if len(nameless) > 1:
        raise UserError(f"{path}: has no name for the columns {', '.join(str(place + 1) for place in nameless)}, which "
                        f"are not empty; name them in the first line.")


def _cell(record: Record, place: int) -> str:
    return record.cells[place] if place < len(record.cells) else ""


def _column_names(header: list[str]) -> str:
    """The columns of a header as a part of a sentence."""
    names = [repr(name) for name in header[:6]]
    return (", ".join(names) + " and more" * (len(header) > 6)) if any(header) else "none"

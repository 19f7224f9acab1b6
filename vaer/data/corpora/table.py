"""Corpora of one's own: a table with the columns path, label and, if known, speaker, beside its media files."""

import math
import os
import re
from difflib import get_close_matches
from pathlib import Path

from vaer.data.corpora.kind import lacks_nothing, names_no_take
from vaer.data.corpora.relabel import LabelSettings, classes_of, relabel
from vaer.data.files import is_clip, on_disk, slashed
from vaer.data.rows import Rows, read_rows
from vaer.errors import UserError, warn_once
from vaer.records import UNKNOWN_SPEAKER, Item

NAME = "table.csv"
PEOPLE = re.compile("speaker|spkr?|subject|actor|person|participant|talker|client", re.IGNORECASE)
"""What columns of people are called elsewhere."""
REQUIRED = ("path", "label")
NOT_EMPTY = (*REQUIRED, "speaker", "take")
OF_ITS_OWN = (*NOT_EMPTY, "duration_s")  # all other columns are attributes
KNOWN = (*OF_ITS_OWN, "repetition")
Settings = LabelSettings
lacking, take_of = lacks_nothing, names_no_take


def labels(root: Path, config: Settings) -> tuple[str, ...]:
    """What the label map makes of the labels of the table, in the order of the alphabet."""
    path = table_of(root)
    return classes_of(str(path), _renamed(path, _rows(path), config))


def scan(root: Path, config: Settings) -> list[Item]:
    """A clip a row, in the order of the table; no file is opened. Clips that the label map leaves out keep their label.

    `root` is the folder of `table.csv`, or a table itself; paths are relative to the folder of the table. Raises
    UserError with the line of whatever is wrong: nothing is dropped.
    """
    path = table_of(root)
    rows = _rows(path)
    renamed = _renamed(path, rows, config)
    items = {line: _item(path, line, row, renamed) for line, row in rows.items()}
    _require_unique(path, items)
    missing = [line for line, item in items.items() if not os.path.isfile(item.path)]
    if missing:
        raise UserError(f"{path}: line {missing[0]} names {items[missing[0]].path}, and there is no such file "
                        f"({len(missing)} of {len(items)} rows name none); correct the table or complete the folder.")
    return list(items.values())


def table_of(root: Path) -> Path:
    """The table that `root` is, or holds; raises UserError where there is none."""
    path = root if root.is_file() or root.suffix.lower() == ".csv" else root / NAME
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; a corpus of one's own is a CSV file of the columns "
                        f"{', '.join(REQUIRED)}, or the folder that holds it as {NAME}.")
    return path


def _rows(path: Path) -> Rows:
    """The rows of a table, no cell of NOT_EMPTY empty; raises UserError where they are none."""
    rows = read_rows(path, REQUIRED, f"a corpus of one's own wants a line a clip, with the columns "
                                     f"{', '.join(REQUIRED)}", optional=KNOWN,
                     is_row=lambda row: is_clip(row.get("path", "")))
    columns = next(iter(rows.values()))
    if "speaker" not in columns and (near := [name for name in columns if PEOPLE.search(name)]
                                     or get_close_matches("speaker", columns)):
        warn_once(f"{path}: has no column speaker, so that speakers are unknown; if {near[0]!r} is it, call it so.")
    for line, row in rows.items():
        empty = [name for name in NOT_EMPTY if not row.get(name, "filled")]
        if empty:
            raise UserError(f"{path}: line {line} has no {' and no '.join(empty)}; fill it in, or take the line out"
                            + " (or the column, where nobody knows the speakers)." * ("speaker" in empty)
                            + "." * ("speaker" not in empty))
    return rows


def _renamed(path: Path, rows: Rows, config: Settings) -> dict[str, str | None]:
    return relabel(str(path), (row["label"] for row in rows.values()), config)


def _item(path: Path, line: int, row: dict[str, str], renamed: dict[str, str | None]) -> Item:
    file = os.path.normpath(slashed(path.parent, row["path"]))
    if not is_clip(file):
        raise UserError(f"{path}: line {line} names {row['path']}, whose ending is that of no media file; name a file "
                        f"of frames or audio, such as .mp4 or .wav, or a still image, such as .png.")
    name, place = os.path.splitext(file)[0].replace(os.sep, "/"), on_disk(os.path.join(path.parent, file))
    return Item(id=name, path=place, audio_path=place, label=renamed[row["label"]] or row["label"],
                speaker=row.get("speaker", UNKNOWN_SPEAKER),
                take=row.get("take", name), duration_s=_seconds(path, line, row.get("duration_s")),
                attributes={column: cell for column, cell in row.items() if column not in OF_ITS_OWN})


def _seconds(path: Path, line: int, cell: str | None) -> float | None:
    """A duration; None where the cell is empty or there is none: then the file is asked."""
    if not cell:
        return None
    try:
        seconds = float(cell)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(f"{path}: line {line} has the duration_s {cell}; write seconds, such as 1.5, or leave "
                        f"it empty.")
    return seconds


def _require_unique(path: Path, items: dict[int, Item]) -> None:
    """Refuse two rows of one clip; files that differ in their endings alone would be one in a list of predictions."""
    first: dict[str, int] = {}
    for line, item in items.items():
        if first.setdefault(item.id, line) != line:
            raise UserError(f"{path}: lines {first[item.id]} and {line} both name {item.id} (endings apart); take one "
                            f"of them out, or rename its file.")

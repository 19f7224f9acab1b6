"""Which files of a folder are its clips: media files, and still images where these are alone or a table names them."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

from vaer.data.encoding import read_text
from vaer.data.files import clips_among, files_under, is_clip, is_media_file, slashed
from vaer.data.rows import layout_of
from vaer.errors import UserError

ENDING = ".csv"


class PathTable(NamedTuple):
    """A CSV that names files."""

    delimiter: str
    rows: list[list[str]]
    """The cells of every line, those of the header first."""
    place: int
    """Of the column `path`."""


def path_table(path: Path) -> PathTable | None:
    """What a CSV says; None where it has no column `path`, or another program wrote it."""
    if not path.name.lower().endswith(ENDING):
        return None
    try:
        layout = layout_of(read_text(path, "a table beside media files is a CSV"), ("path",))
        rows = list(csv.reader(layout.lines, delimiter=layout.delimiter, skipinitialspace=True))
    except (UserError, csv.Error):  # of another program
        return None
    columns = [cell.strip().casefold() for cell in rows[0]] if rows else []
    return PathTable(layout.delimiter, rows, columns.index("path")) if "path" in columns else None


def name_of_cell(root: Path, table: str, cell: str) -> str:
    """What a cell of a table under `root` names, relative to `root`; empty for an empty cell."""
    folder = root / os.path.dirname(table)
    cell = slashed(folder, cell.strip())
    return os.path.relpath(folder / cell, root) if cell else ""


def beyond_links(root: Path, name: str) -> str:
    """The path of a file without the links to folders in it: a folder to which several lead is walked through once."""
    folder, last = os.path.split(name)
    return os.path.relpath(os.path.join(os.path.realpath(root / folder), last), os.path.realpath(root))


def clips_of(root: Path, names: list[str]) -> list[str]:
    """The clips among the files of a folder, in order; `names` are relative to `root`.

    Still images beside media files are covers or notes, unless a CSV with the column `path` names them.
    """
    clips = clips_among(names)
    stills = [name for name in names if is_clip(name) and not is_media_file(name)]
    if not stills or clips == stills:
        return clips
    listed = {name_of_cell(root, name, row[table.place])
              for name in names if (table := path_table(root / name)) is not None
              for row in table.rows[1:] if len(row) > table.place}
    listed |= {beyond_links(root, name) for name in listed if is_clip(name) and not is_media_file(name)}
    taken = {*clips, *listed.intersection(stills)}
    return [name for name in names if name in taken]


def clips_under(root: Path) -> list[str]:
    """The paths of the clips under a folder, at any depth, in the order of `files_under`."""
    paths = {os.path.relpath(path, root): path for path in files_under(root)}
    return [paths[name] for name in clips_of(root, list(paths))]

"""Which files of a folder are media files, and where what is made of each goes."""

import csv
import io
import os
from pathlib import Path
from typing import NamedTuple

from vaer.data.encoding import read_text
from vaer.data.files import AUDIO_ENDINGS, MEDIA_ENDINGS, clips_among, slashed, walk
from vaer.data.rows import layout_of
from vaer.errors import UserError, as_text
from vaer.media.stills import is_still
from vaer.prepare.manifest import JOURNAL, MANIFEST, REPORT, SETTINGS

TABLE_ENDINGS = (".csv", ".tsv", ".json", ".txt", ".md")
RESERVED = (JOURNAL, MANIFEST, SETTINGS)  # what a preparation writes itself, so that no table may take its place


class Sources(NamedTuple):
    """Paths relative to the folder, sorted."""

    targets: dict[str, str]
    """Of every media file what is made of it: mp4 where there may be frames, flac for audio, png for a still."""
    tables: list[str]
    """Small files that say something about the media files."""
    others: list[str]
    litter: list[str]
    """What an operating system left there."""


def find(root: Path) -> Sources:
    """Every file under `root`, at any depth; raises UserError where there is no media file, or two have one target."""
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; name the folder of the files.")
    found = Sources({}, [], [], [])
    taken: dict[str, str] = {}
    under = walk(root)
    names = sorted(os.path.relpath(path, root) for path in under.files)
    clips = set(clips_among(names))
    for path in names:
        stem, ending = os.path.splitext(path)
        if path in clips:
            kind = ".png" if is_still(path) else ".flac" if ending.lower() in AUDIO_ENDINGS else ".mp4"
            target = as_text(stem) + kind
            if target in taken:
                raise UserError(f"{root / path}: would be prepared as {target}, like {root / taken[target]}; rename "
                                f"one of the two, or prepare them from different folders.")
            found.targets[path] = target
            taken[target] = path
        else:
            written = path in RESERVED or path.startswith(REPORT + os.sep)
            (found.tables if ending.lower() in TABLE_ENDINGS and not written else found.others).append(path)
    found.litter.extend(os.path.relpath(path, root) for path in under.litter)
    if not found.targets:
        raise UserError(f"{root}: holds no media file ({', '.join(MEDIA_ENDINGS)}); name the folder of the files.")
    return found


def beside_clips(root: Path, name: str, targets: dict[str, str]) -> bytes:
    """A table as it stands beside the clips: its bytes, the cells of a CSV's column `path` with the clips' endings."""
    content = (root / name).read_bytes()
    if not name.lower().endswith(".csv"):
        return content
    try:
        layout = layout_of(read_text(root / name, "a table beside media files is a CSV"), ("path",))
        rows = list(csv.reader(layout.lines, delimiter=layout.delimiter, skipinitialspace=True))
    except (UserError, csv.Error):  # of another program
        return content
    columns = [cell.strip().casefold() for cell in rows[0]] if rows else []
    if "path" not in columns:
        return content
    place, folder = columns.index("path"), root / os.path.dirname(name)
    changed = False
    for row in rows[1:]:
        cell = slashed(folder, row[place].strip()) if len(row) > place else ""
        source = os.path.relpath(folder / cell, root) if cell else ""
        target = targets.get(source) or targets.get(_beyond_links(root, source))
        if target is not None and (target != source or os.path.isabs(cell)):
            row[place], changed = os.path.relpath(root / target, folder), True
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=layout.delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode() if changed else content


def _beyond_links(root: Path, source: str) -> str:
    """The path of a file without the links to folders in it: a folder to which several lead is prepared once."""
    folder, name = os.path.split(source)
    return os.path.relpath(os.path.join(os.path.realpath(root / folder), name), os.path.realpath(root))

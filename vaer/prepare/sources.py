"""Which files of a folder are media files, and where what is made of each goes."""

import csv
import io
import os
from pathlib import Path
from typing import NamedTuple

from vaer.data.files import AUDIO_ENDINGS, MEDIA_ENDINGS, walk
from vaer.data.listed import beyond_links, clips_of, name_of_cell, path_table
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
    clips = set(clips_of(root, names))
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
    table = path_table(root / name)
    if table is None:
        return content
    folder, place, changed = root / os.path.dirname(name), table.place, False
    for row in table.rows[1:]:
        source = name_of_cell(root, name, row[place]) if len(row) > place else ""
        target = targets.get(source) or targets.get(beyond_links(root, source))
        if target is not None and (target != source or os.path.isabs(row[place].strip())):
            row[place], changed = os.path.relpath(root / target, folder), True
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=table.delimiter, lineterminator="\n").writerows(table.rows)
    return text.getvalue().encode() if changed else content

"""Which files of a folder are recordings, and where what is made of each goes."""

import os
from pathlib import Path
from typing import NamedTuple

from vaer.data.files import MEDIA_ENDINGS, SOUND_ENDINGS, files_under, is_recording
from vaer.errors import UserError

TABLE_ENDINGS = (".csv", ".tsv", ".json", ".txt", ".md")


class Sources(NamedTuple):
    """Paths relative to the folder, sorted."""

    targets: dict[str, str]
    """Of every recording what is made of it: mp4 where there may be pictures, flac for sound."""
    tables: list[str]
    """Small files that say something about the recordings."""
    others: list[str]


def find(root: Path) -> Sources:
    """Every file under `root`, at any depth; raises UserError where there is no recording, or two have one target."""
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; name the folder of the recordings.")
    found = Sources({}, [], [])
    taken: dict[str, str] = {}
    for path in sorted(os.path.relpath(path, root) for path in files_under(root)):
        stem, ending = os.path.splitext(path)
        if is_recording(path):
            target = stem + (".flac" if ending.lower() in SOUND_ENDINGS else ".mp4")
            if target in taken:
                raise UserError(f"{root / path}: would be prepared as {target}, like {root / taken[target]}; rename "
                                f"one of the two, or prepare them from different folders.")
            found.targets[path] = target
            taken[target] = path
        else:
            (found.tables if ending.lower() in TABLE_ENDINGS else found.others).append(path)
    if not found.targets:
        raise UserError(f"{root}: holds no recording ({', '.join(MEDIA_ENDINGS)}); name the folder of the recordings.")
    return found

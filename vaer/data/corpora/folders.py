"""Corpora of one's own without a table: a folder for each label, which holds its clips at any depth."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from vaer.checks import require
from vaer.data.corpora.kind import lacks_nothing, names_no_take
from vaer.data.corpora.relabel import LabelSettings, classes_of, relabel
from vaer.data.files import clips_among, files_under, is_media_file
from vaer.errors import UserError, warn_once
from vaer.records import UNKNOWN_SPEAKER, Item
from vaer.words import counted

NAMED = 5
REPORT = "report"
"""Of `vaer prepare`, which draws what it saw: no label of stills."""
SIDES = {"train", "training", "val", "valid", "validation", "dev", "eval", "test", "testing"}
lacking, take_of = lacks_nothing, names_no_take


@dataclass(frozen=True)
class Settings(LabelSettings):
    """What folders of one's own are asked."""

    speaker_pattern: str | None = None
    """folders only: a regular expression whose group is the speaker, searched in the path of a clip below the folder of
    its label, such as (S\\d+)_; none: speakers are unknown."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.speaker_pattern is None or has_group(self.speaker_pattern),
                f"--{self.flags}speaker_pattern {self.speaker_pattern} is no regular expression with one group in "
                f"round brackets; write one such as (S\\d+)_.")


def has_group(pattern: str) -> bool:
    """Whether a text is a regular expression with one group."""
    try:
        return re.compile(pattern).groups == 1
    except re.error:
        return False


def labels(root: Path, config: Settings) -> tuple[str, ...]:
    """What the label map makes of the names of the folders, in the order of the alphabet."""
    return classes_of(str(root), relabel(str(root), _files(root), config))


def scan(root: Path, config: Settings) -> list[Item]:
    """One clip for each media file, by label and path, none opened. Clips that the label map leaves out keep theirs.

    A clip's id is its path below `root` without ending. Raises UserError where there is none, where two differ in
    their endings alone, or where `config.speaker_pattern` finds no speaker in a path.
    """
    files = _files(root)
    renamed = relabel(str(root), files, config)
    items: dict[str, Item] = {}
    for label, paths in files.items():
        for path in paths:
            name = os.path.splitext(os.path.relpath(path, root))[0].replace(os.sep, "/")
            if name in items:
                raise UserError(f"{path}: differs from {items[name].path} in its ending alone; move one of the two "
                                f"elsewhere, or rename it.")
            items[name] = Item(id=name, path=path, audio_path=path, label=renamed[label] or label, take=name,
                               speaker=_speaker(path, os.path.relpath(path, root / label), config))
    return list(items.values())


def _files(root: Path) -> dict[str, list[str]]:
    """The media files of every folder of `root` that holds some, by its name; raises UserError where none does."""
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; set --data.root to the folder that has a folder for each "
                        f"label.")
    folders = sorted(name for name in os.listdir(root) if (root / name).is_dir() and not name.startswith("."))
    under = {name: files_under(root / name) for name in folders}
    taken = set(clips_among([path for name, paths in under.items() if name != REPORT for path in paths]))
    files = {name: [path for path in paths if path in taken] for name, paths in under.items()}
    beside = sorted(name for name in os.listdir(root) if is_media_file(name) and (root / name).is_file())
    if beside:
        warn_once(f"{root}: {counted(len(beside), 'media file')} beside the folders of the labels left out: "
                  f"{', '.join(beside[:NAMED])}{' and more' * (len(beside) > NAMED)}")
    if empty := [name for name in folders if not files[name] and not (name == REPORT and "manifest.csv" in
                                                                      os.listdir(root))]:
        warn_once(f"{root}: these folders hold no media file and are no label: {', '.join(empty[:NAMED])}"
                  f"{' and more' * (len(empty) > NAMED)}")
    found = {name: paths for name, paths in files.items() if paths}
    if not found:
        raise UserError(f"{root}: holds no folder with media files; --data.corpus folders wants a folder for each "
                        f"label, such as {root / 'happy' / 'clip.mp4'}.")
    if len(found) > 1 and {name.casefold() for name in found} <= SIDES:
        raise UserError(f"{root}: its folders are called like sides of a split ({', '.join(found)}), not like labels; "
                        f"name one of them as --data.root, or write a table (--data.corpus csv).")
    return found


def _speaker(path: str, below: str, config: Settings) -> str:
    """Whoever the pattern finds in the path below the label's folder; unknown without a pattern."""
    if config.speaker_pattern is None:
        return UNKNOWN_SPEAKER
    match = re.search(config.speaker_pattern, below.replace(os.sep, "/"))
    if match is None or not match[1]:
        raise UserError(f"{path}: --data.speaker_pattern {config.speaker_pattern} finds no speaker in "
                        f"{below!r}; correct the pattern, or leave it out where nobody knows the speakers.")
    return match[1]

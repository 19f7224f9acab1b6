"""The demo corpus: rendered faces that talk, in files named like those of RAVDESS, with `demo.json` beside them."""

import json
import re
from pathlib import Path

from vaer.data.corpora.kind import OwnSettings, lacks_nothing
from vaer.data.files import is_litter
from vaer.errors import UserError
from vaer.records import Item
from vaer.words import counted

NAME = re.compile(r"(01-01)-(\d\d)-(01)-(\d\d)-(\d\d)-(\d\d)")
"""Modality and channel, label, intensity, statement, repetition, speaker."""
Settings = OwnSettings
lacking = lacks_nothing


def scan(root: Path, config: OwnSettings) -> list[Item]:
    """Every clip under `root`, sorted by id; nothing is opened but `demo.json`."""
    settings = _settings(root)
    items = [_item(path, settings["classes"]) for path in root.glob("Actor_*/*.mp4") if not is_litter(path.name)]
    if len(items) != settings["files"]:
        raise UserError(f"{root}: holds {counted(len(items), 'clip')} where demo.json speaks of {settings['files']}; "
                        f"render what is missing with `{_remedy(root, settings)}`, or delete the folder first.")
    return sorted(items, key=lambda item: item.id)


def labels(root: Path, config: OwnSettings) -> tuple[str, ...]:
    """The classes of the corpus in `root`, in the order of the codes in the names of its files."""
    return tuple(_settings(root)["classes"])


def take_of(name: str) -> str | None:
    """The take of which a name speaks: all of it but the label."""
    match = NAME.fullmatch(name)
    return match and "-".join(match.group(1, 3, 4, 5, 6))


def _settings(root: Path) -> dict:
    path = root / "demo.json"
    if not path.is_file():
        reason = "does not hold a demo corpus (demo.json is missing)" if root.is_dir() else "there is no such folder"
        raise UserError(f"{root}: {reason}; set --data.root, or make one with `vaer demo {root}` and the "
                        f"--task of the recipe.")
    try:
        text = json.loads(path.read_text())
        settings = {name: text[name] for name in ("task", "classes", "files", "finished")}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read as the settings of a demo corpus ({error!r}); "
                        f"delete the folder and make it again with `vaer demo {root}`.") from error
    if not settings["finished"]:
        raise UserError(f"{root}: the rendering of this demo corpus did not finish; go on with "
                        f"`{_remedy(root, settings)}`.")
    return settings


def _remedy(root: Path, settings: dict) -> str:
    return f"vaer demo {root} --task {settings['task']}"


def _item(path: Path, classes: list[str]) -> Item:
    match = NAME.fullmatch(path.stem)
    if match is None or not 1 <= int(match[2]) <= len(classes) or path.parent.name != f"Actor_{match[6]}":
        raise UserError(f"{path}: is not named like a clip of a demo corpus "
                        f"(Actor_AA/01-01-LABEL-01-STATEMENT-REPETITION-AA.mp4, LABEL 01 to {len(classes):02d}); "
                        "move it elsewhere.")
    _, label, intensity, statement, repetition, speaker = match.groups()
    return Item(id=path.stem, path=str(path), audio_path=str(path), label=classes[int(label) - 1],
                speaker=str(int(speaker)), take=take_of(path.stem),
                attributes={"intensity": intensity, "statement": statement, "repetition": str(int(repetition))})

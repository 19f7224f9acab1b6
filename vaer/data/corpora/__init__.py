"""The corpora: each is a module of this package that keeps the contract of `CorpusKind`."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vaer.choose import choose, modules_of
from vaer.data import manifest
from vaer.data.census import warn_of_spellings
from vaer.data.corpora import table
from vaer.errors import UserError
from vaer.records import Item
from vaer.words import counted

if TYPE_CHECKING:
    from vaer.config import DataConfig  # which takes the settings of the corpora from here

CORPORA: dict[str, Any] = modules_of(__name__, "demo", "folders", "ravdess", csv="table")
"""By the name that `data.corpus` gives them; every value is a `CorpusKind`."""
OWN = ("csv", "folders")
"""Corpora of one's own, which are called as their folders are."""
REDRAWN = "redrawn.json"
"""What `vaer redraw` leaves in its folder."""
COMPOSED = "composed.json"
"""What `vaer compose` leaves in its folder."""


class Corpus(NamedTuple):
    """What a folder holds."""

    classes: tuple[str, ...]
    """In the order of the network's answers."""
    items: list[Item]
    left_out: dict[str, int]
    """How many clips of each label that is no class."""


def read_corpus(config: "DataConfig") -> Corpus:
    """The corpus that `config` names; where it was prepared, its manifest says how long its clips are."""
    corpus = choose(CORPORA, config.corpus, "data.corpus")
    root = Path(config.root)
    classes, items = corpus.labels(root, config), corpus.scan(root, config)
    left_out = Counter(item.label for item in items if item.label not in classes)
    if left_out:
        items = [item for item in items if item.label in classes]
    warn_of_spellings(config.root, classes, items)
    folder = root.parent if root.is_file() else root
    return Corpus(classes, manifest.with_durations(items, folder), dict(sorted(left_out.items())))


def name_of(corpus: str, root: str) -> str:
    """What a corpus is called: as its kind; one's own like its folder, or like its table where that is no table.csv."""
    if corpus not in OWN:
        return corpus
    path = Path(os.path.abspath(root))
    if path.name == table.NAME:
        return path.parent.name
    return path.stem if path.suffix.lower() == ".csv" else path.name


def provenance_note(root: str) -> str:
    """What every score on a folder must say, as whatever drew its frames left it there, or above; usually nothing."""
    folder = Path(os.path.abspath(root))
    paths = (one / name for one in (folder, *folder.parents) for name in (REDRAWN, COMPOSED))
    path = next((path for path in paths if path.is_file()), None)
    try:
        return "" if path is None else json.loads(path.read_text(encoding="utf-8"))["remark"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read as the settings of drawn or composed clips ({error!r}); make them "
                        f"anew by `vaer redraw` or `vaer compose`.") from error


def describe_left_out(left_out: dict[str, int]) -> str:
    """Clips that were left out, by label, as a part of a sentence; empty where there are none."""
    return ", ".join(f"{label} ({counted(count, 'clip')})" for label, count in left_out.items())

"""What evaluations left in the folders of runs, read again: nothing is decoded, and it costs no torch."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vaer.atomic_files import read_facts
from vaer.errors import UserError, as_text
from vaer.evaluation.scored import PredictionTable, Scored
from vaer.records import Item
from vaer.runs.folder import RunFolder
from vaer.words import counted

TEXTS = ("id", "take", "path", "fold", "speaker", "label", "prediction")
"""The columns of predictions.csv before the probabilities; those after them are attributes of the clips."""
PARTS = re.compile(r"^(?:_(?P<corpus>.+?))??(?:_(?P<modality>video|audio))?(?:_views(?P<views>\d+))?"
                   r"(?:_adapt(?P<adapt>\d+))?$")
"""What an evaluation's suffix is made of."""


def read_scored(run: Path, suffix: str = "") -> Scored:
    """The answers and scores of a run, or of all folds of a folder of folds, as `vaer evaluate` left them.

    `suffix` names the options of that evaluation, as its files do (_audio, _emodb_views5). Raises UserError where the
    files are not there, with the command that makes them, or do not hold what they should.
    """
    folder = RunFolder(run)
    place = RunFolder(folder.pooled) if folder.has_folds() else folder
    missing = [path for path in (place.predictions_path(suffix), place.metrics_path(suffix)) if not path.is_file()]
    if missing:
        raise UserError(_absent(folder, place, missing[0], suffix))
    facts = read_facts(place.metrics_path(suffix))
    lacking = sorted({"classes", "calibration", "protocol", "seed", "fold"} - set(facts))
    if lacking:
        raise UserError(f"{place.metrics_path(suffix)}: lacks {', '.join(lacking)}; write it anew with "
                        f"`{_command(folder, suffix)}`.")
    classes = tuple(facts["classes"])
    try:
        table = _read_table(place.predictions_path(suffix), classes)
    except UserError as error:
        raise UserError(f"{error}; write it anew with `{_command(folder, suffix)}`.") from error
    if facts.get("clips", len(table)) != len(table):
        raise UserError(f"{place.predictions_path(suffix)}: holds {counted(len(table), 'clip')}, and metrics beside "
                        f"it are of "
                        f"{facts['clips']}; write both anew with `{_command(folder, suffix)}`.")
    return Scored(run, PredictionTable(table, classes, facts, facts["calibration"]["temperatures"]), facts)


def attribute_columns(items: Sequence[Item], classes: tuple[str, ...]) -> dict[str, list[str]]:
    """The attributes of clips as columns of a table of predictions; one whose name is taken there is NAME_attribute.

    A clip without an attribute that others have has an empty cell.
    """
    columns: dict[str, list[str]] = {}
    for attribute in dict.fromkeys(name for item in items for name in item.attributes):
        name = attribute
        while name in (*TEXTS, *classes, *columns):
            name = f"{name}_attribute"
        columns[name] = [as_text(item.attributes.get(attribute, "")) for item in items]
    return columns


def attributes_of(table: pd.DataFrame, classes: tuple[str, ...]) -> list[str]:
    """The columns of a table of predictions that hold attributes of the clips."""
    return [column for column in table.columns if column not in (*TEXTS, *classes)]


def _absent(folder: RunFolder, place: RunFolder, path: Path, suffix: str) -> str:
    if not folder.path.is_dir():
        return f"{folder}: there is no such folder; name one of a run that was evaluated."
    there = [f"{folder}{':' * bool(found)}{found.removeprefix('_')}" for found in place.scored_suffixes()]
    known = f" (there are {', '.join(there)})" if there else ""
    return f"{path}: is not there{known}; make it with `{_command(folder, suffix)}`."


def _command(folder: RunFolder, suffix: str) -> str:
    """What writes the files of a suffix."""
    parts = PARTS.fullmatch(suffix)
    if parts is None:
        return f"vaer evaluate {folder}"
    flags = [f"--corpus csv --root {parts['corpus'].upper()}" if parts["corpus"] else "",
             f"--modality {parts['modality']}" if parts["modality"] else "",
             f"--views {parts['views']}" if parts["views"] else "",
             f"--adapt_clips {parts['adapt']}" if parts["adapt"] else ""]
    return " ".join(["vaer evaluate", str(folder), *filter(None, flags)])


def _read_table(path: Path, classes: tuple[str, ...]) -> pd.DataFrame:
    """predictions.csv with its probabilities as numbers and all else as text."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no table of predictions ({' '.join(str(error).split())})") from error
    lacking = [column for column in (*TEXTS, *classes) if column not in table.columns]
    if lacking:
        raise UserError(f"{path}: lacks the columns {', '.join(lacking)}")
    if table.empty:
        raise UserError(f"{path}: holds no clip")
    twice = table["id"][table["id"].duplicated()]
    if len(twice):
        raise UserError(f"{path}: has {twice.iloc[0]} twice")
    for column in ("label", "prediction"):
        odd = table[column][~table[column].isin(classes)]
        if len(odd):
            raise UserError(f"{path}: the {column} {odd.iloc[0]!r} of {table['id'][odd.index[0]]} is none of "
                            f"{', '.join(classes)}")
    try:
        numbers = {name: table[name].astype(np.float64) for name in classes}
    except ValueError as error:
        raise UserError(f"{path}: holds a probability that is no number ({error})") from error
    odd = ~np.isfinite(np.stack([*numbers.values()])).all(axis=0)
    if odd.any():
        first = table["id"][odd].iloc[0]
        raise UserError(f"{path}: NaN or infinite probabilities in {counted(int(odd.sum()), 'clip')}, first {first}")
    return table.assign(**numbers)

"""A comparison of rows on the screen and as files: it says what was computed, and computes no score."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from vaer.atomic_files import write_text
from vaer.errors import UserError
from vaer.evaluation.breakdown import ValueScores
from vaer.evaluation.comparison import RowScores
from vaer.evaluation.intervals import LEVEL, SCORES
from vaer.evaluation.seeds import Estimate
from vaer.report import figures
from vaer.report.dots import draw_dots
from vaer.report.tables import Cell, Table, latex, lettered, markdown, show
from vaer.report.template import fill_page

WORDS = {"uar": "UAR", "war": "WAR", "macro_f1": "macro F1"}
NONE = "-"
SMALLEST_P = 0.001


def show_comparison(rows: Sequence[RowScores], by: dict[str, list[ValueScores]]) -> None:
    """Print the rows, and their scores by each attribute, in 80 columns."""
    show(table_of(rows, narrow=True))
    for attribute, scores in by.items():
        show(table_by(attribute, scores, narrow=True))


def write_comparison(folder: Path, rows: Sequence[RowScores], by: dict[str, list[ValueScores]],
                     mistakes: pd.DataFrame | None = None) -> None:
    """Write table.md, .csv and .tex, scores.png and .pdf, a page, by_ATTRIBUTE.* and, if there are some, errors.csv.

    The same rows give the same bytes. Raises UserError where `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder}: is a file; name a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "table", table_of(rows), figures_of(rows))
    for attribute, scores in by.items():
        _write(folder / f"by_{_file_name(attribute)}", table_by(attribute, scores), figures_by(attribute, scores))
    for ending in ("png", "pdf"):
        draw_dots(list(rows), folder / f"scores.{ending}")
    write_text(folder / "report.html", fill_page("Runs side by side", comparison=side_by_side(rows, by)))
    if mistakes is not None:
        write_text(folder / "errors.csv", mistakes.to_csv(index=False, lineterminator="\n"))


def side_by_side(rows: Sequence[RowScores], by: dict[str, list[ValueScores]]) -> dict[str, Any]:
    """What a page shows of the rows: their picture and their tables."""
    return {"svg": Markup(figures.estimates(rows)),
            "tables": [table_of(rows), *(table_by(attribute, scores) for attribute, scores in by.items())]}


def _file_name(attribute: str) -> str:
    """An attribute as a part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in attribute)


def _write(stem: Path, table: Table, figures: pd.DataFrame) -> None:
    for ending, text in (("md", markdown(table)), ("tex", latex(table)),
                         ("csv", figures.to_csv(index=False, lineterminator="\n"))):
        write_text(stem.with_name(f"{stem.name}.{ending}"), text)


def table_of(rows: Sequence[RowScores], *, narrow: bool = False) -> Table:
    """The rows as text; a narrow table has no intervals of WAR and macro F1."""
    letters, remarks, everywhere = lettered([row.caveats for row in rows])
    compared = any(row.difference is not None for row in rows)
    tested = sum(row.p_corrected is not None for row in rows)
    words = WORDS | ({"macro_f1": "F1"} if narrow else {})
    columns = ("row", "seeds", *(words[name] for name in SCORES), *(("to the first", "p") if compared else ()))
    lines = []
    for row, own in zip(rows, letters, strict=True):
        cells = [Cell(row.name, "", own), Cell(str(len(row.seeds) or NONE)),
                 *(_cell(row.scores.get(name), "{:.3f}", name == "uar" or not narrow) for name in SCORES)]
        if compared:
            cells += [_cell(row.difference, "{:+.3f}", True), Cell(_p(row.p_corrected))]
        lines.append(cells)
    return Table(_title(rows), columns, lines, [*everywhere, *_notes(rows, compared, tested)], remarks)


def table_by(attribute: str, scores: Sequence[ValueScores], *, narrow: bool = False) -> Table:
    """Scores by the values of an attribute as text; a narrow table says once how many classes all values have."""
    occurring = {one.classes for one in scores}
    once = narrow and len(occurring) == 1
    words = WORDS | ({"macro_f1": "F1"} if narrow else {})
    lines = [[Cell(one.name), Cell(one.value or "(none)"), _cell(one.scores["uar"], "{:.3f}", True),
              *(_cell(one.scores[name], "{:.3f}", False) for name in SCORES[1:]), Cell(str(one.clips)),
              Cell(str(one.speakers or "unknown")), *([] if once else [Cell(str(one.classes))])] for one in scores]
    columns = ("row", attribute, *(words[name] for name in SCORES), "clips", "speakers",
               *(() if once else ("classes",)))
    how_many = f": {occurring.pop()}" if once else ""
    return Table(f"by {attribute}", columns, lines, [
        f"UAR is the mean recall over the classes that occur among a value's clips{how_many}."], [])


def figures_of(rows: Sequence[RowScores]) -> pd.DataFrame:
    """The rows with every figure, unrounded."""
    lines = []
    for row in rows:
        line: dict[str, object] = {"row": row.name, "seeds": " ".join(row.seeds), "folds": " ".join(row.folds),
                                   "clips": row.clips, "speakers": row.speakers}
        for name in SCORES:
            line |= _figures(name, row.scores.get(name)) | {
                f"{name}_of_seeds": " ".join(map(repr, row.by_seed.get(name, [])))}
        line |= _figures("difference", row.difference) | {
            "p": None if row.difference is None else row.difference.p, "p_holm": row.p_corrected,
            "chance": row.chance, "marks": "; ".join(row.caveats)}
        lines.append(line)
    return pd.DataFrame(lines)


def figures_by(attribute: str, scores: Sequence[ValueScores]) -> pd.DataFrame:
    """Scores by the values of an attribute, unrounded."""
    lines = []
    for one in scores:
        line: dict[str, object] = {"row": one.name, "attribute": attribute, "value": one.value, "clips": one.clips,
                                   "speakers": one.speakers, "classes": one.classes}
        for name in SCORES:
            line |= _figures(name, one.scores[name])
        lines.append(line)
    return pd.DataFrame(lines)


def _figures(name: str, score: Estimate | None) -> dict[str, float | None]:
    low, high = (None, None) if score is None or score.interval is None else score.interval
    return {name: None if score is None else score.value, f"{name}_low": low, f"{name}_high": high}


def _cell(score: Estimate | None, form: str, span: bool) -> Cell:
    if score is None:
        return Cell(NONE)
    interval = "" if score.interval is None or not span else f"[{', '.join(map(form.format, score.interval))}]"
    return Cell(form.format(score.value), interval)


def _p(p: float | None) -> str:
    if p is None:
        return NONE
    return f"{p:.3f}" if p >= SMALLEST_P else f"<{SMALLEST_P}"


def _title(rows: Sequence[RowScores]) -> str:
    compared_clips = list(dict.fromkeys((row.clips, row.speakers) for row in rows if row.scores))
    if len(compared_clips) != 1:
        return "test clips"
    clips, speakers = compared_clips[0]
    return f"{clips} test clips of {speakers or 'unknown'} speakers"


def _notes(rows: Sequence[RowScores], compared: bool, tested: int) -> list[str]:
    seeds = any(len(row.seeds) > 1 for row in rows)
    who = "speakers and seeds" if seeds else "speakers"
    notes = []
    if any(row.scores and row.scores["uar"].interval for row in rows):
        notes.append(f"[ ]: {LEVEL:.0%} intervals, bootstrap over {who}.")
    if compared:
        notes.append("to the first: UAR less that of the first row, on the same clips.")
    if tested:
        notes.append(f"p: that bootstrap, two-sided, of the difference; corrected by Holm for {tested} "
                     f"difference{'s' * (tested > 1)}.")
    return notes

"""What a preparation found, to read and to look at: every doubtful or broken file, and a sample of the others."""

import math
from collections import Counter
from pathlib import Path

import matplotlib.image
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console

from vaer.errors import as_text
from vaer.media.media import read_frames
from vaer.media.probe import probe
from vaer.prepare.manifest import MANIFEST, OVERVIEWS, REPORT, Facts
from vaer.words import counted

COLUMNS, ROWS = 6, 5
PAGES = 20  # of images; the rest is in the table alone, which says so
TILE = 160  # pixels
BROKEN = "cannot be prepared"


def write_report(root: Path, rows: list[Facts], *, others: list[str], litter: list[str],
                 gone: list[str], prepared: int) -> None:
    """`report/report.md` with its contact sheets, and a summary on the screen.

    `others` are files beside the media files that were not taken over, `litter` is what an operating system left there,
    `gone` are files whose clips are still here.
    """
    folder = root / REPORT
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    doubtful = sorted((row for row in rows if row.notes or row.reason), key=lambda row: (_kind(row), row.source))
    good = [row for row in rows if not row.notes and not row.reason]
    sample = good[::max(1, math.ceil(len(good) / (COLUMNS * ROWS)))]
    pages = [f"doubtful-{page + 1:02d}.png" for page in range(min(PAGES, math.ceil(len(doubtful) / (COLUMNS * ROWS))))]
    for page, name in enumerate(pages):
        _sheet(root, doubtful[page * COLUMNS * ROWS:(page + 1) * COLUMNS * ROWS], folder / name)
    if sample:
        _sheet(root, sample, folder / "sample.png")
    lines = summary(rows, others, litter, gone)
    unseen = len(doubtful) - PAGES * COLUMNS * ROWS
    text = ["# Preparation", "", *(f"- {line}" for line in lines), ""]
    text += [f"![doubtful and broken files]({name})" for name in pages]
    text += [f"The last {unseen} of the table are not in the contact sheets.", ""] if unseen > 0 else [""]
    text += ["![a sample of the others](sample.png)", ""] if sample else []
    text += ["| file | what |", "|---|---|", *(f"| {row.source} | {_description(row)} |" for row in doubtful)]
    (folder / "report.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    console = Console(stderr=True)
    for line in [f"{root}: {prepared} of {counted(len(rows), 'file')} prepared now", *lines,
                 f"{root / MANIFEST}: every clip;  {folder / 'report.md'}: what to look at"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def summary(rows: list[Facts], others: list[str], litter: list[str], gone: list[str]) -> list[str]:
    """How many files are fine, and how many are not, by kind; what was left alone."""
    kinds = Counter(kind for row in rows for kind in ([BROKEN] if row.reason else row.notes.split("; ")) if kind)
    fine = sum(not row.notes and not row.reason for row in rows)
    lines = [f"{counted(fine, 'file')} without anything to say",
             *(f"{count} {kind}" for kind, count in sorted(kinds.items()))]
    if others:
        lines.append(f"{len(others)} other files were not taken over: {_named(others)}")
    if litter:
        lines.append(f"passed over {counted(len(litter), 'item')} that an operating system left: {_named(litter)}")
    if gone:
        lines.append(f"{counted(len(gone), 'clip')} whose file is gone: {_named(gone)}")
    return lines


def _named(names: list[str]) -> str:
    return ", ".join(map(as_text, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _kind(row: Facts) -> str:
    return BROKEN if row.reason else row.notes


def _description(row: Facts) -> str:
    return row.reason or row.notes


def _sheet(root: Path, rows: list[Facts], path: Path) -> None:
    """A page of images, each with its name and what is to be said of it."""
    high = math.ceil(len(rows) / COLUMNS)
    figure = Figure(figsize=(COLUMNS * 2.1, high * 2.5))
    FigureCanvasAgg(figure)
    grid = {"left": 0.01, "right": 0.99, "bottom": 0.02 / high, "top": 1 - 0.16 / high, "wspace": 0.05, "hspace": 0.2}
    for place, axes in enumerate(figure.subplots(high, COLUMNS, squeeze=False, gridspec_kw=grid).flat):
        axes.axis("off")
        if place < len(rows):
            _tile(root, rows[place], axes)
    figure.savefig(path, dpi=100)


def _tile(root: Path, row: Facts, axes: object) -> None:
    overview = root / OVERVIEWS / f"{row.path}.jpg"
    if row.path and overview.exists() and row.notes:
        axes.imshow(matplotlib.image.imread(overview))
    elif row.frames:
        path = str(root / row.path)
        middle = len(probe(path).frame_times) // 2
        axes.imshow(read_frames(path, np.array([middle]), TILE, decoder="pyav")[0])
    else:
        axes.text(0.5, 0.5, "audio" if row.path else "no image", ha="center", va="center", fontsize=7, color="grey")
    text = _description(row) or (f"face in {row.detected:.0%} of frames" if row.frames else "")
    axes.set_title(f"{_short(row.source, 34)}\n{_short(text, 40)}", fontsize=5.5)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length // 2 - 1]}...{text[-(length // 2 - 2):]}"

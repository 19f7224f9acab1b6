"""Scores as dots with their intervals, legible in black and white."""

from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.evaluation.comparison import RowScores
from vaer.evaluation.seeds import Estimate

NAME_WIDTH = 34
MOST_INCHES = 100
"""Of an image's height; with more rows its dots come closer."""
WITHOUT_DATE = {".pdf": {"CreationDate": None}, ".png": {"Software": None}}
"""What would make two images of the same scores differ."""


def draw_dots(rows: list[RowScores], path: Path) -> None:
    """Write a PNG or PDF of `dots_of`."""
    figure = dots_of(rows)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=150, metadata=WITHOUT_DATE.get(path.suffix))


def dots_of(rows: list[RowScores]) -> Figure:
    """UAR of each row with its interval, and how far it is from the first one.

    Black dots are means over seeds, hollow ones single seeds, dashes chance; a row that failed has its name alone.
    """
    names = [fill(row.name, NAME_WIDTH) for row in rows]
    lines = sum(1 + 0.6 * name.count("\n") for name in names)
    compared = any(row.difference is not None for row in rows)
    figure = Figure(figsize=(7.2, min(MOST_INCHES, 1.0 + 0.36 * lines)), layout="constrained")
    axes = figure.subplots(1, 1 + compared, sharey=True, squeeze=False, width_ratios=[3, 2][:1 + compared])[0]
    _draw_scores(axes[0], rows)
    if compared:
        _draw_differences(axes[1], rows)
    axes[0].set_yticks(range(len(rows)), names)
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    for axis in axes:
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x", color="0.9", linewidth=0.6)
        axis.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
    return figure


def _draw_scores(axes: Axes, rows: list[RowScores]) -> None:
    for place, row in enumerate(rows):
        if not row.scores:
            axes.text(0.02, place, "no answers", va="center", fontsize="small", style="italic", color="0.3")
            continue
        if len(row.by_seed["uar"]) > 1:
            axes.plot(row.by_seed["uar"], [place + 0.22] * len(row.by_seed["uar"]), "o", markersize=3.2,
                      markerfacecolor="white", markeredgecolor="0.35", markeredgewidth=0.7, clip_on=False)
        _draw_dot(axes, place, row.scores["uar"])
    for chance in sorted({row.chance for row in rows if row.chance is not None}):
        axes.axvline(chance, color="0.3", linestyle=(0, (4, 3)), linewidth=0.9)
        axes.annotate("chance", (chance, 1), xycoords=("data", "axes fraction"), xytext=(3, 0),
                      textcoords="offset points", fontsize="x-small", color="0.3", va="top")
    axes.set_xlim(0, 1)
    axes.set_xlabel("UAR")


def _draw_differences(axes: Axes, rows: list[RowScores]) -> None:
    for place, row in enumerate(rows):
        if row.difference is not None:
            _draw_dot(axes, place, row.difference)
    axes.axvline(0, color="0.3", linewidth=0.9)
    reach = max(abs(edge) for row in rows if row.difference is not None
                for edge in (row.difference.value, *(row.difference.interval or ())))
    axes.set_xlim(-1.1 * max(reach, 0.01), 1.1 * max(reach, 0.01))
    axes.set_xlabel("difference to the first row")
    axes.locator_params(axis="x", nbins=4)


def _draw_dot(axes: Axes, place: int, score: Estimate) -> None:
    if score.interval is not None:
        axes.plot(score.interval, [place, place], "-", color="black", linewidth=1.4, solid_capstyle="butt")
        axes.plot(score.interval, [place, place], "|", color="black", markersize=6)
    axes.plot(score.value, place, "o", color="black", markersize=5.5, clip_on=False)

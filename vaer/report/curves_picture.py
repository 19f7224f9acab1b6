"""The figure of `vaer curves`: told apart by dash and mark as well as by colour."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from vaer.report.curves import Band, line_of, steps_of
from vaer.report.dots import WITHOUT_DATE

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")  # Okabe and Ito: for colour-blind eyes
MARKS = ("o", "s", "^", "D", "v", "X")
SIDES = {"": "whole network", "_video": "video branch", "_audio": "audio branch"}
ROWS = {"nll": ("cross-entropy", 1.0), "uar": ("UAR", 1.0), "grad_norm": ("gradient norm\nbefore clipping", 0.8),
        "lr": ("learning rate", 0.6)}
HALVES = {"": "--", "validation_": "-"}


def save_curves(bands: list[Band], places: list[Path]) -> None:
    """Write the figure into each of `places`: a column for the whole network and for each of two branches."""
    logs = [log for band in bands for log in band.logs]
    sides = [side for side in SIDES if not side or any(line_of(logs, f"{half}{name}{side}") for half in HALVES
                                                       for name in ("nll", "uar"))]  # one branch has no other scores
    rows = [name for name in ROWS if any(line_of(logs, f"{half}{name}{side}") for half in HALVES for side in sides)]
    heights = [ROWS[name][1] for name in rows]
    figure = Figure(figsize=(max(6.4, 3.4 * len(sides)), 0.9 + 2.3 * sum(heights) + 0.2 * len(bands)),
                    layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(sides), sharex=True, sharey="row", squeeze=False, height_ratios=heights)
    for name, line in zip(rows, grid, strict=True):
        for side, axes in zip(sides, line, strict=True):
            for number, band in enumerate(bands):
                _draw_band(axes, band, name, side, number)
            _finish(axes, name, bands)
        line[0].set_ylabel(ROWS[name][0])
    for side, axes in zip(sides, grid[0], strict=True):
        axes.set_title(SIDES[side] if len(sides) > 1 else "", fontsize="medium")
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    figure.legend(handles=_legend(bands), loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    for place in places:
        figure.savefig(place, dpi=130, metadata=WITHOUT_DATE[place.suffix])


def training_of(band: Band, side: str) -> str:
    """The key of a band's training curve: older runs tell the loss alone, heads and smoothing included."""
    return "nll" + side if side or line_of(band.logs, "nll") is not None else "loss"


def _draw_band(axes: Axes, band: Band, name: str, side: str, number: int) -> None:
    """One number of one band: training dashed and hollow, validation solid and full."""
    colour, several = COLOURS[number], len(band.logs) > 1
    if name == "grad_norm" and not several:
        axes.plot(*steps_of(band.logs[0], name + side), color=colour, linewidth=0.6, alpha=0.6)
    for half, style in HALVES.items():
        line = line_of(band.logs, training_of(band, side) if (half, name) == ("", "nll") else half + name + side)
        if line is None:
            continue
        if several:
            axes.fill_between(line.epochs, line.least, line.most, color=colour, alpha=0.16, linewidth=0)
            for edge in (line.least, line.most):
                axes.plot(line.epochs, edge, color=colour, linewidth=0.4, linestyle=style)
        axes.plot(line.epochs, line.mean, color=colour, linestyle=style, linewidth=1.5, marker=MARKS[number],
                  markersize=4, markerfacecolor=colour if half else "white", markevery=max(1, len(line.epochs) // 8))


def _finish(axes: Axes, name: str, bands: list[Band]) -> None:
    if name == "uar":
        axes.set_ylim(-0.02, 1.02)
        for chance in sorted({band.chance for band in bands if band.chance is not None}):
            axes.axhline(chance, color="0.35", linewidth=0.9, linestyle=(0, (1, 2)))
            axes.annotate("chance", (1, chance), xycoords=("axes fraction", "data"), xytext=(-2, -2),
                          textcoords="offset points", ha="right", va="top", fontsize="x-small", color="0.25")
    elif name == "grad_norm":
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(bands: list[Band]) -> list[Line2D | Patch]:
    old = any(training_of(band, "") == "loss" for band in bands)
    training = "training (augmented, with dropout" + "; of older runs the whole loss" * old + ")"
    handles: list[Line2D | Patch] = [
        Line2D([], [], color="0.2", linestyle="--", marker="o", markerfacecolor="white", markersize=4, label=training),
        Line2D([], [], color="0.2", marker="o", markersize=4, label="validation")]
    if any(len(band.logs) > 1 for band in bands):
        handles.append(Patch(color="0.2", alpha=0.16, label="mean, least and most of the runs that came so far"))
    return handles + [Line2D([], [], color=COLOURS[number], marker=MARKS[number], markersize=5, label=band.name)
                      for number, band in enumerate(bands)]

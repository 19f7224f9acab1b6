"""Figures of scores."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

from vaer.words import counted

MOST_INCHES = 100
"""Wider figures, of thousands of speakers, cannot be drawn."""


def draw_confusion(facts: dict[str, Any], path: Path, title: str) -> None:
    """Write a PNG of the confusion: colour is the share of a label's clips, the figure in a field their number."""
    classes = facts["classes"]
    counts = np.array(facts["confusion"])
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    size = 2.2 + 0.6 * len(classes)
    figure = _figure(size, size)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(classes)):
        for column in range(len(classes)):
            if counts[row, column]:
                axes.text(column, row, str(counts[row, column]), ha="center", va="center",
                          color="white" if shares[row, column] > 0.5 else "black")
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("prediction")
    axes.set_ylabel("label")
    axes.set_title(_title(facts, title), fontsize="medium")
    figure.savefig(path, dpi=120)


def draw_speakers(facts: dict[str, Any], path: Path, title: str) -> None:
    """Write a PNG of the UAR of every test speaker, the hardest first, with the score of all as a line."""
    speakers = sorted(facts["per_speaker"].items(), key=lambda pair: pair[1]["uar"])
    figure = _figure(min(MOST_INCHES, max(4.0, 1.5 + 0.3 * len(speakers))), 3.2)
    axes = figure.add_subplot()
    axes.bar([name for name, _ in speakers], [row["uar"] for _, row in speakers], color="#3b6ea5")
    axes.axhline(facts["uar"], color="black", linewidth=1)
    if facts["intervals"] is not None:
        axes.axhspan(*facts["intervals"]["uar"], color="black", alpha=0.12)
    axes.set_ylim(0, 1)
    axes.set_xlabel("test speaker" if speakers else "speakers unknown")
    axes.set_ylabel("UAR")
    axes.set_title(_title(facts, title), fontsize="medium")
    figure.savefig(path, dpi=120)


def draw_robustness(facts: dict[str, Any], path: Path, title: str) -> None:
    """Write a PNG or PDF of the curves that `measure` found, a panel a degradation, three in a row."""
    curves = list(facts["curves"].values())
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure = _figure(3.2 * columns, 2.5 * rows + 0.3)
    for number, curve in enumerate(curves, 1):
        draw_curve(figure.add_subplot(rows, columns, number), curve, facts, ink="black", accent="#3b6ea5",
                   soft="#d0dcea")
    figure.suptitle(title, fontsize="medium")
    figure.savefig(path, dpi=120, metadata={"CreationDate": None} if path.suffix == ".pdf" else {"Software": None})


def draw_curve(axes: "Axes", curve: dict[str, Any], facts: dict[str, Any], *, ink: str, accent: str, soft: str) -> None:
    """UAR by strength, from clips as they are on, with its interval; a line at that of clips as they are.

    The dotted line is chance. The steps of an axis are as far apart as each other, whatever their strengths.
    """
    clean = {"strength": 0.0} | facts["clean"]
    two_sided = any(point["strength"] < 0 for point in curve["points"]) and "dB" not in curve["unit"]
    points = (sorted([clean, *curve["points"]], key=lambda point: point["strength"]) if two_sided
              else [clean, *curve["points"]])
    names = ["as is" if point is clean else f"{point['strength']:g}" for point in points]
    places = range(len(points))
    if facts["clean"]["interval"] is not None:
        axes.fill_between(places, *zip(*(point["interval"] for point in points), strict=True), color=soft, linewidth=0)
    axes.axhline(facts["clean"]["uar"], color=accent, linewidth=1)
    axes.axhline(facts["chance"], color=ink, linewidth=1, linestyle=":")
    axes.plot(places, [point["uar"] for point in points], "o-", color=ink, markersize=4, linewidth=1.3)
    axes.set_xticks(places, names, fontsize="small")
    axes.set(ylim=(0, 1.02), xlabel=curve["unit"], ylabel="UAR")
    axes.set_title(curve["what"], fontsize="medium")


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # half a second, which is not paid before the scores
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _title(facts: dict[str, Any], title: str) -> str:
    below = "; ".join(filter(None, (facts["remark"], facts["adaptation"])))
    alone = "" if facts["modality"] == "both" else f", modality {facts['modality']}"
    caveats = ", GUARD LIFTED" * bool(facts["leaks"]) + f"\n{below}" * bool(below)
    return f"{title}{alone}: UAR {facts['uar']:.3f}, WAR {facts['war']:.3f}, {counted(facts['clips'], 'clip')}{caveats}"

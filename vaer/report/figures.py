"""Figures of a report, as SVG that takes the colours of the page around it."""

import html
import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaer.evaluation.comparison import RowScores
from vaer.evaluation.plots import draw_curve
from vaer.report.dots import dots_of

INK, ACCENT, SOFT, PAPER = "#010203", "#040506", "#070809", "#0a0b0c"
"""Colours that stand for those of the page, which differ in light and dark."""
COLORS = {INK: "var(--ink)", ACCENT: "var(--accent)", SOFT: "var(--soft)", PAPER: "var(--paper)"}
IN_PRINT = {to_hex(color): instead for color, instead in (
    ("black", INK), ("0.35", INK), ("0.3", INK), ("white", PAPER), ("0.9", SOFT))}
"""Colours of pictures that are made for paper, by what they are on the page."""
MARKERS = "os^vDPX*<>"
SEEN = 0.1
"""A smaller square would lie behind its figure like a stroke through it."""
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "vaer", "font.family": "sans-serif", "font.size": 11,
         "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
         "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Counts of label by prediction: the area of a square is the share of its label's clips, from `SEEN` on."""
    with matplotlib.rc_context(STYLE):
        side = 2.0 + 0.55 * len(classes)
        figure, axes = _axes(side + 0.6, side)
        for row, label_counts in enumerate(counts):
            total = max(1, sum(label_counts))
            for column, count in enumerate(label_counts):
                share = count / total
                half = 0.5 * share ** 0.5 * 0.94
                if share >= SEEN:
                    axes.add_patch(matplotlib.patches.Rectangle((column - half, row - half), 2 * half, 2 * half,
                                                                color=ACCENT if row == column else SOFT, linewidth=0))
                if count:
                    axes.text(column, row, str(count), ha="center", va="center")
        places = range(len(classes))
        axes.set_xticks(places, classes, rotation=45, ha="right")
        axes.set_yticks(places, classes)
        axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(len(classes) - 0.5, -0.5), xlabel="prediction", ylabel="label",
                 aspect="equal")
        return _svg(figure, "Confusion: label by prediction, counts of clips")


def dots(rows: dict[str, float], *, total: float, span: Sequence[float] | None, chance: float, what: str) -> str:
    """A dot a row over 0 to 1; a line at the score of all, a band for its interval, a dotted line at chance."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(6.4, 0.9 + 0.24 * max(3, len(rows)))
        if span is not None:
            axes.axvspan(*span, color=SOFT, linewidth=0, alpha=0.6)
        axes.axvline(total, color=ACCENT, linewidth=1.5)
        axes.axvline(chance, color=INK, linewidth=1, linestyle=":")
        axes.plot(list(rows.values()), range(len(rows)), "o", color=INK, markersize=5, clip_on=False)
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xlabel=what)
        return _svg(figure, f"{what}, a dot a row")


def reliability(bins: Sequence[dict[str, Any]], scaled: Sequence[dict[str, Any]] | None) -> str:
    """How often an answer of a given probability is right: raw as filled dots, scaled by a temperature as rings."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(4.4, 4.0)
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=":")
        _bins(axes, bins, "as the network answers", filled=True)
        if scaled:
            _bins(axes, scaled, "with the temperature", filled=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of the prediction", ylabel="share that is right",
                 aspect="equal")
        axes.legend(loc="upper left")
        return _svg(figure, "Reliability")


def _bins(axes: Axes, bins: Sequence[dict[str, Any]], label: str, *, filled: bool) -> None:
    most = max(row["clips"] for row in bins)
    axes.scatter([row["confidence"] for row in bins], [row["right"] for row in bins], label=label,
                 s=[15 + 120 * row["clips"] / most for row in bins], edgecolors=INK, linewidths=1.2,
                 facecolors=ACCENT if filled else "none", clip_on=False, zorder=3)


def curves(runs: Sequence[Sequence[tuple[float, float]]], *, what: str) -> str:
    """One line a run over its epochs; of several runs each has a mark of its own."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(5.2, 2.8)
        for number, points in enumerate(runs):
            axes.plot([epoch for epoch, _ in points], [value for _, value in points], color=INK,
                      linestyle=("-", "--", "-.", ":")[number % 4], linewidth=1.3, label=f"fold {number}",
                      marker=MARKERS[number % len(MARKERS)] if len(runs) > 1 or len(points) == 1 else "", markersize=4)
        axes.set(xlabel="epoch", ylabel=what)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(runs) > 1:
            axes.legend(ncols=2, fontsize="small")
        return _svg(figure, f"{what} by epoch")


def robustness(facts: dict[str, Any]) -> list[str]:
    """A figure a degradation: UAR by strength, as `draw_curve` says."""
    found = []
    with matplotlib.rc_context(STYLE):
        for curve in facts["curves"].values():
            figure, axes = _axes(4.0, 2.8)
            draw_curve(axes, curve, facts, ink=INK, accent=ACCENT, soft=SOFT)
            found.append(_svg(figure, f"UAR by strength: {curve['what']}"))
    return found


def scatter(points: dict[str, list[tuple[float, float, bool]]], explained: Sequence[float]) -> str:
    """Places of clips by label: a shape a label, its name over the middle of its clips; wrong ones are hollow."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(6.4, 5.6)
        for number, places in enumerate(points.values()):
            for right in (True, False):
                some = [(x, y) for x, y, is_right in places if is_right == right]
                if some:
                    axes.scatter(*zip(*some, strict=True), s=20, marker=MARKERS[number % len(MARKERS)], linewidths=0.9,
                                 edgecolors=INK, facecolors=ACCENT if right else "none", alpha=0.75)
        for name, places in points.items():
            x, y = (sum(values) / len(places) for values in list(zip(*places, strict=True))[:2])
            axes.annotate(name, (x, y), xytext=(0, 9), textcoords="offset points", ha="center", fontweight="bold",
                          bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.7, "pad": 1})
        axes.margins(0.08)
        axes.set(xlabel=f"first direction, {explained[0]:.0%} of the variance",
                 ylabel=f"second direction, {explained[1]:.0%}", xticks=[], yticks=[])
        return _svg(figure, "Map of the embeddings of clips")


def attention(times: Sequence[float], weights: Sequence[float], levels: Sequence[float], seconds: float) -> str:
    """A line of how much each moment is attended to, over the loudness of the waveform."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(5.2, 2.4)
        top = max(2.0, *weights)
        middles = [(place + 0.5) * seconds / len(levels) for place in range(len(levels))]
        axes.fill_between(middles, [0.95 * top * level for level in levels], color=SOFT, linewidth=0)
        axes.axhline(1, color=INK, linewidth=1, linestyle=":")
        axes.plot(times, weights, color=INK, linewidth=1.3)
        axes.set(xlim=(0, seconds), ylim=(0, 1.05 * top), xlabel="s", ylabel="attention")
        return _svg(figure, "Attention to the waveform over time")


def estimates(rows: Sequence[RowScores]) -> str:
    """UAR of rows with their intervals, and their differences to the first one, as `draw_dots` has them in print."""
    with matplotlib.rc_context(STYLE):
        figure = dots_of(list(rows))
        figure.patch.set_alpha(0)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        return _svg(figure, "UAR of each row, and its difference to the first one")


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    return figure, axes


def _svg(figure: Figure, title: str) -> str:
    """The figure as text: the same figure gives the same bytes; ids that nothing points at are left out."""
    target = io.StringIO()
    FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None, "Creator": None})
    text = target.getvalue()
    text = text[text.index("<svg"):]
    for color, instead in IN_PRINT.items():
        text = text.replace(color, instead)
    for color, name in COLORS.items():
        text = text.replace(color, name)
    used = set(re.findall(r"(?:#|url\(#)([\w-]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>",
                  lambda found: f'<svg viewBox="{found[1]}" role="img" aria-label="{html.escape(title)}" '
                                f'style="max-width: {round(figure.get_figwidth() * 96)}px" '
                                f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">', text,
                  count=1)
    return re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL).strip()

"""How the figures of benchmarks are drawn and saved.

    python benchmarks/figures.py

draws again, from the results that lie beside them, those that need no new measurement.
"""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.evaluation.comparison import RowScores
from vaer.evaluation.intervals import Interval
from vaer.evaluation.plots import draw_robustness
from vaer.evaluation.seeds import Estimate
from vaer.report.dots import draw_dots

RESULTS = Path(__file__).parent / "results"
APART = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00")
"""Colours that colour-blind people tell apart (Okabe and Ito 2008)."""
LINES = {"moment": (1 / 4, None), "prepared": (1 / 8, 0.5), "ravdess_audio": (1 / 8, None), "transfer": (1 / 8, 0.5)}
"""Chance, and the UAR that a face or a voice alone cannot exceed where the corpus has such a ceiling."""


def save(figure, path, dpi=120):
    """Write a figure as PNG and, beside it, as PDF for a paper; the same figure gives the same bytes."""
    path = Path(path)
    figure.savefig(path.with_suffix(".png"), dpi=dpi)
    figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})


def draw_seeds(rows, path, *, chance, ceiling):
    """Write the UAR of rows by name, `NAME, seed N`: hollow dots for seeds, a black one for their mean."""
    groups = {}
    for name, uar in rows.items():
        groups.setdefault(name.rpartition(", seed ")[0] or name, []).append(uar)
    figure = Figure(figsize=(8, 1.3 + 0.3 * len(groups)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, uars in enumerate(groups.values()):
        if len(uars) > 1:
            [mean] = axes.plot(np.mean(uars), place, "o", color="black")
            mean.set_label("mean" if "mean" not in axes.get_legend_handles_labels()[1] else None)
        axes.plot(uars, [place] * len(uars), "o", markersize=4, markerfacecolor="white", markeredgecolor="0.35",
                  label=None if place else "a seed")
        axes.text(1.03, place, f"{np.mean(uars):.3f}", va="center", fontsize="small")
    axes.axvline(chance, color="0.4", linestyle=":", label=f"chance, {chance:.3f}")
    if ceiling is not None:
        axes.axvline(ceiling, color="0.4", linestyle="--", label=f"most with one modality, {ceiling:.2f}")
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set(xlim=(0, 1.12), ylim=(len(groups) - 0.5, -0.5), xlabel="UAR on unseen test speakers")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.3, 1.0), frameon=False, fontsize="small")
    save(figure, path)


def rows_of(table):
    """The rows of a `table.csv` that `vaer compare` or `vaer study` wrote, as far as their figure shows them."""
    def read(line, name):
        interval = None if np.isnan(line[f"{name}_low"]) else Interval(line[f"{name}_low"], line[f"{name}_high"])
        return None if np.isnan(line[name]) else Estimate(line[name], interval)

    return [RowScores(line["row"], {"uar": read(line, "uar")}, {"uar": [*map(float, line["uar_of_seeds"].split())]},
                      line["seeds"].split(), line["folds"].split(), line["clips"], line["speakers"], line["chance"],
                      read(line, "difference"), None, [])
            for line in pd.read_csv(table, dtype={"seeds": str, "folds": str, "uar_of_seeds": str}).to_dict("records")]


def main():
    for name, (chance, ceiling) in LINES.items():
        rows = json.loads((RESULTS / f"{name}.json").read_text())["rows"]
        draw_seeds({row: facts["uar"] for row, facts in rows.items()}, RESULTS / name, chance=chance, ceiling=ceiling)
    for name in ("face_detectors", "input_pipeline", "loader_memory", "ravdess"):
        import_module(name).draw_again()
    for ending in (".png", ".pdf"):
        draw_dots(rows_of(RESULTS / "demo_study/table.csv"), (RESULTS / "demo_study/scores").with_suffix(ending))
        for path in sorted(RESULTS.glob("robustness_*.json")):
            draw_robustness(json.loads(path.read_text()), path.with_suffix(ending), path.stem.partition("_")[2])


if __name__ == "__main__":
    main()

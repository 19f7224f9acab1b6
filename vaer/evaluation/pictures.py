"""Pictures of scores."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.records import Metrics


def draw_confusion(metrics: Metrics, classes: tuple[str, ...], path: Path, title: str) -> None:
    """Write a PNG of the confusion: colour is the share of a label's clips, the figure in a field their number."""
    counts = np.array(metrics.confusion)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    size = 2.2 + 0.6 * len(classes)
    figure = Figure(figsize=(size, size), layout="constrained")
    FigureCanvasAgg(figure)
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
    axes.set_title(f"{title}: UAR {metrics.uar:.3f}, WAR {metrics.war:.3f}, {metrics.clips} clips", fontsize="medium")
    figure.savefig(path, dpi=120)

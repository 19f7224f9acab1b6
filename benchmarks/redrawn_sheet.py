"""A picture of eight emotions by four actors, the middle of a strong take each, as `vaer redraw` drew them.

    python benchmarks/redrawn_sheet.py data/redrawn
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.config import DataConfig
from vaer.data.corpora import provenance_note, read_corpus
from vaer.media.media import read_frames
from vaer.media.probe import probe

ACTORS = ("1", "2", "11", "16")
RESULT = Path(__file__).parent / "results" / "redrawn_sheet.png"


def main():
    root = sys.argv[1]
    classes, items, _ = read_corpus(DataConfig(root=root, protocol="all_train"))
    figure = Figure(figsize=(1.3 * len(classes), 1.4 * len(ACTORS) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{provenance_note(root)}: the middle of a take, first statement", fontsize="medium")
    for row, actor in zip(figure.subplots(len(ACTORS), len(classes)), ACTORS, strict=True):
        for axes, emotion in zip(row, classes, strict=True):
            wanted = {"statement": "Kids are talking by the door", "repetition": "1",
                      "intensity": "normal" if emotion == "neutral" else "strong"}
            item = next(item for item in items if (item.speaker, item.label) == (actor, emotion)
                        and wanted.items() <= item.attributes.items())
            middle = len(probe(item.path).frame_times) // 2
            axes.imshow(read_frames(item.path, np.array([middle]), 96)[0])
            axes.set_axis_off()
            if actor == ACTORS[0]:
                axes.set_title(emotion, fontsize="small")
        row[0].text(-6, 48, f"actor {actor}", rotation=90, ha="right", va="center", fontsize="small")
    figure.savefig(RESULT, dpi=100)


if __name__ == "__main__":
    main()

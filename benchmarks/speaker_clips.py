"""How many unlabelled clips of a test speaker does adaptation need? For a run trained with model.speaker_norm.

    python benchmarks/speaker_clips.py RUN [--root FOLDER_OF_THE_CORPUS]

The network sees every test clip once; then all clips are answered again and again, each speaker being known by some of
its clips alone, drawn ten times for each number; 0 knows nobody. The folds of a folder of folds are scored as one.
Writes benchmarks/results/speaker_clips.json and .png.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from figures import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.evaluation.metrics import score
from vaer.evaluation.opened import open_clips, open_run
from vaer.evaluation.options import Options, settings_of
from vaer.evaluation.predict import draw_clips, forward_clips, probabilities_of
from vaer.runs.folder import RunFolder
from vaer.runs.provenance import machine_facts

RESULTS = Path(__file__).parent / "results" / "speaker_clips"
NUMBERS = (0, 1, 2, 4, 8, 16, 32)
DRAWS = range(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--root", help="where the corpus lies now")
    parsed = parser.parse_args()
    options = Options(root=parsed.root, adapt_clips=NUMBERS[-1])  # a run that does not adapt is refused
    accelerator = Accelerator()
    parts = [ForwardedClips(part, settings_of(part, options), accelerator, options)
             for part in RunFolder(parsed.run).folds()]
    most = max(np.bincount(part.clips.speakers).max() for part in parts)
    rows = {str(number): [uar(parts, number, draw) for draw in (DRAWS if number else [0])]
            for number in NUMBERS if number < most} | {f"all ({most})": [uar(parts, most, 0)]}
    config = parts[0].config
    facts = {"command": f"python benchmarks/speaker_clips.py {parsed.run.name}",
             "seeds": [part.config.seed for part in parts],
             "protocol": config.data.protocol, "folds": [part.config.data.fold for part in parts],
             "branches": parts[0].network.branches, "clips": sum(len(part.clips) for part in parts),
             "chance": 1 / len(parts[0].network.classes),
             "best_epochs": [part.facts["best_epoch"] for part in parts],
             "trained_at_commit": parts[0].facts["git_commit"],
             "git_commit": machine_facts()["git_commit"],
             "adaptation": "adapted to each test speaker over so many of its unlabelled clips",
             "uar_by_clips": {name: {"mean": float(np.mean(uars)), "lowest": min(uars), "highest": max(uars),
                                     "draws": len(uars)} for name, uars in rows.items()}}
    RESULTS.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    draw_curve(facts["uar_by_clips"], facts["chance"])


class ForwardedClips:
    """What the network of a run made of its test clips."""

    def __init__(self, run, config, accelerator, options):
        self.config, self.accelerator = config, accelerator
        self.facts = run.facts()
        self.network, tested = open_run(run, config, accelerator, options)
        self.clips, batches = open_clips(tested.split.test, tested.classes, str(run), config, accelerator, options)
        self.seen = forward_clips(self.network, batches, accelerator)

    def predicted(self, number, draw):
        chosen = draw_clips(self.clips.speakers, number, self.config.seed + draw)
        return probabilities_of(self.network, self.seen, self.accelerator, num_clips=len(self.clips),
                                views=self.clips.views, adapting=chosen)


def uar(parts, number, draw):
    predicted = [part.predicted(number, draw) for part in parts]
    return score(np.concatenate([one.probabilities for one in predicted]),
                 np.concatenate([one.labels for one in predicted])).uar


def draw_curve(rows, chance):
    """The mean UAR over the draws, and from the lowest to the highest."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = range(len(rows))
    axes.fill_between(places, [row["lowest"] for row in rows.values()], [row["highest"] for row in rows.values()],
                      color="#3b6ea5", alpha=0.2)
    axes.plot(places, [row["mean"] for row in rows.values()], marker="o", color="#3b6ea5", label="mean of the draws")
    axes.axhline(chance, color="0.4", linestyle=":", label=f"chance, {chance:.3f}")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize="small")
    axes.set_xticks(places, rows)
    axes.set_xlabel("unlabelled clips of each test speaker adapted to")
    axes.set_ylabel("test UAR, all clips scored")
    save(figure, RESULTS)


if __name__ == "__main__":
    main()

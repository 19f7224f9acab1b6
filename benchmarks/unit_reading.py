"""What does a video branch that learned to read action units (configs/units_video.yaml) see in the redrawn takes?

    python benchmarks/unit_reading.py RUN --redrawn data/redrawn --action_units action_units.csv

The branch stays as it is; its pooled features of every take go to logistic regression, as they are and centred and
scaled per speaker, and to ridge regression of each unit as it was drawn. Beside them logistic regression on the very
numbers that are drawn, which no reader can be expected to exceed. `ravdess_dev5`, five folds pooled, regularisation
picked on validation speakers. Writes benchmarks/results/unit_reading.json and .png. About two minutes of a core.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from figures import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from ravdess_baselines import answer, facts, fit, per_speaker, read_folds
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from vaer.config import read_config
from vaer.demo.face import UNITS
from vaer.demo.redraw import GAIN, SPOKEN, VERSION, read_units, unfold
from vaer.evaluation.opened import open_clips
from vaer.evaluation.options import Options
from vaer.models.network import load_network
from vaer.runs.folder import RunFolder
from vaer.runs.provenance import machine_facts

RESULT = Path(__file__).parent / "results" / "unit_reading.json"
RECIPE = Path(__file__).parents[1] / "configs" / "redrawn_faces.yaml"
STRENGTHS = 10.0 ** np.arange(0, 6)  # of the ridge


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--redrawn", required=True)
    parser.add_argument("--action_units", type=Path, required=True)
    options = parser.parse_args()
    recipe = read_config(RECIPE)
    config = replace(recipe, data=replace(recipe.data, root=options.redrawn))
    splits, classes, items = read_folds(config.data)
    units = drawn(read_units(options.action_units), items)
    features = read_features(options.run, config, list(items.values()), classes)
    rows = {"features": features, "features, per speaker": per_speaker(features, items), "drawn numbers": units,
            "drawn numbers, per speaker": per_speaker(units, items)}
    trained, machine = RunFolder(options.run).facts(), machine_facts()
    answers = {name: answer([fit(values, splits, classes)], splits, classes) for name, values in rows.items()}
    done = {"logistic_regression": {name: facts(found.probabilities, items, classes)
                                    for name, found in answers.items()},
            "correlation_by_unit": correlations(features, units, splits),
            "run": {key: trained[key] for key in ("best_validation_uar", "best_epoch", "seed", "git_commit")},
            "renderer": VERSION, "protocol": "ravdess_dev5", "git_commit": machine["git_commit"],
            "versions": machine["versions"], "machine": machine["machine"],
            "command": "python benchmarks/unit_reading.py RUN --redrawn data/redrawn --action_units action_units.csv"}
    RESULT.write_text(json.dumps(done, indent=1) + "\n")
    draw(done["correlation_by_unit"])
    for name, row in done["logistic_regression"].items():
        print(f"{row['uar']:.3f}  [{row['low']:.3f}, {row['high']:.3f}]  {name}")


def drawn(units, takes):
    """The mean over a take of every unit as it is drawn, (units,), by take; lips and lids as if nobody spoke."""
    rng = np.random.default_rng(0)  # moves the apex, hardly the mean
    return {take: unfold(*units[take], np.ones(100), rng).mean(axis=0) for take in takes}


@torch.inference_mode()
def read_features(run, config, items, classes):
    """The pooled features (dim,) of the branch of a run, the mean over a take's views, by take."""
    network = load_network(RunFolder(run).best.path).eval()
    clips, batches = open_clips(items, classes, "reading faces", config, Accelerator(cpu=True), Options(batch_size=32))
    features = torch.zeros(len(clips), network.video.out_dim)
    for batch in batches:
        features.index_add_(0, batch.ids, network(batch).video_embedding / clips.views)
    return dict(zip((item.take for item in items), features.numpy(), strict=True))


def correlations(features, units, splits):
    """How each unit, read by ridge regression from the features of test speakers, correlates with what was drawn."""
    found, true = [], []
    for _, split in splits:
        sides = [[item.take for item in side] for side in (split.train, split.validation, split.test)]
        inputs = [np.array([features[take] for take in side]) for side in sides]
        targets = [np.array([units[take] for take in side]) for side in sides]
        scaler = StandardScaler().fit(inputs[0])
        train, validation, test = map(scaler.transform, inputs)
        models = [Ridge(strength).fit(train, targets[0]) for strength in STRENGTHS]
        errors = [((model.predict(validation) - targets[1]) ** 2).mean(axis=0) for model in models]
        read = np.stack([model.predict(test) for model in models])
        found.append(np.take_along_axis(read, np.argmin(errors, axis=0)[None, None], axis=0)[0])
        true.append(targets[2])
    found, true = np.concatenate(found), np.concatenate(true)
    return {unit: float(np.corrcoef(found[:, place], true[:, place])[0, 1]) for place, unit in enumerate(UNITS)}


def draw(values):
    """Bars of the correlations, the best read unit first; those drawn larger than measured in another colour."""
    names = sorted(values, key=values.get, reverse=True)
    kinds = {"as measured": ([name for name in names if name not in GAIN and name not in (*SPOKEN, "AU45")], "#3b6ea5"),
             "drawn larger": ([name for name in names if name in GAIN], "#e08a2e"),
             "moved by the voice or blinks": ([name for name in names if name in (*SPOKEN, "AU45")], "#999999")}
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for about, (units, colour) in kinds.items():
        axes.bar([names.index(unit) for unit in units], [values[unit] for unit in units], color=colour, label=about)
    axes.set_xticks(range(len(names)), names, rotation=60)
    axes.set_ylim(0, 1)
    axes.set_ylabel("correlation, unseen speakers")
    axes.legend(frameon=False, fontsize="small")
    save(figure, RESULT)


if __name__ == "__main__":
    main()

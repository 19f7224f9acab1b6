"""What simple methods reach on `ravdess_dev5`, five folds pooled, regularisation picked on validation speakers.

    python benchmarks/ravdess_baselines.py --sound RAVDESS_SPEECH --action_units action_units.csv

Mean and deviation of 20 MFCCs and their differences, support vectors with an RBF kernel; the action units of a take,
logistic regression; the product of both; each again with features centred and scaled per speaker. About five minutes.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torchaudio
from rich.progress import track
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from vaer.config import DataConfig
from vaer.data.protocols import read_split
from vaer.demo.redraw import read_units
from vaer.evaluation.intervals import speaker_intervals
from vaer.evaluation.metrics import score
from vaer.media.media import SAMPLE_RATE, read_waveform
from vaer.media.probe import probe
from vaer.runs.provenance import machine_facts

RESULT = Path(__file__).parent / "results" / "ravdess_baselines.json"
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sound", required=True)
    parser.add_argument("--action_units", type=Path, required=True)
    options = parser.parse_args()
    splits, classes, items = read_folds(DataConfig(root=options.sound, protocol="ravdess_dev5"))
    units = {take: np.concatenate(values) for take, values in read_units(options.action_units).items()}
    features = {"MFCC statistics, SVM": {take: statistics(item.audio_path) for take,
                                         item in track(items.items(), "MFCC")}}
    features |= {f"{name}, logistic regression": {take: units[take][:count] for take in items}
                 for name, count in (("17 action-unit intensities", 17), ("34 action-unit values", 34))}
    features |= {f"{name}, per speaker": per_speaker(values, items) for name, values in features.items()}
    predicted = {name: answer(values, splits, classes) for name, values in features.items()}
    for suffix in ("", ", per speaker"):
        predicted[f"34 values x MFCC, product{suffix}"] = {
            take: probabilities * predicted[f"MFCC statistics, SVM{suffix}"][take]
            for take, probabilities in predicted[f"34 action-unit values, logistic regression{suffix}"].items()}
    rows = {name: facts(found, items, classes) for name, found in predicted.items()}
    machine = machine_facts()
    RESULT.write_text(json.dumps({"rows": rows, "protocol": "ravdess_dev5", "git_commit": machine["git_commit"],
                                  "versions": machine["versions"], "machine": machine["machine"],
                                  "command": "python benchmarks/ravdess_baselines.py --sound RAVDESS_SPEECH "
                                             "--action_units action_units.csv"}, indent=1) + "\n")
    for name, row in rows.items():
        print(f"{row['uar']:.3f}  [{row['low']:.3f}, {row['high']:.3f}]  {name}")


def read_folds(data):
    """Classes and split of every fold, the classes, and every item by its take."""
    splits = [read_split(replace(data, fold=fold)) for fold in range(5)]
    classes, first = splits[0]
    return splits, classes, {item.take: item for item in (*first.train, *first.validation, *first.test)}


def statistics(path):
    """Mean and deviation over a take of 20 MFCCs and their differences, (80,)."""
    waveform = torch.from_numpy(read_waveform(path, 0.0, probe(path).duration_s))
    transform = torchaudio.transforms.MFCC(SAMPLE_RATE, n_mfcc=20, melkwargs={"n_fft": 512, "hop_length": 160,
                                                                              "n_mels": 64})
    values = transform(waveform)
    values = torch.cat([values, torchaudio.functional.compute_deltas(values)])
    return torch.cat([values.mean(1), values.std(1)]).numpy()


def per_speaker(values, items):
    """Each speaker's features with mean 0 and deviation 1 over all takes of the speaker: no label is used."""
    scaled = {}
    for speaker in {item.speaker for item in items.values()}:
        takes = [take for take, item in items.items() if item.speaker == speaker]
        scaled |= dict(zip(takes, StandardScaler().fit_transform([values[take] for take in takes]), strict=True))
    return scaled


def answer(values, splits, classes):
    """Probabilities (classes,) of every take, by the classifier of the fold that tests it."""
    found = {}
    for _, split in splits:
        sides = [np.array([values[item.take] for item in side]) for side in (split.train, split.validation, split.test)]
        labels = [np.array([classes.index(item.label) for item in side]) for side in (split.train, split.validation)]
        scaler = StandardScaler().fit(sides[0])
        sides = [scaler.transform(side) for side in sides]
        models = [classifier(strength, sides[0].shape[1]).fit(sides[0], labels[0]) for strength in STRENGTHS]
        best = max(models, key=lambda model: score(model.predict_proba(sides[1]), labels[1]).uar)
        found |= {item.take: row for item, row in zip(split.test, best.predict_proba(sides[2]), strict=True)}
    return found


def classifier(strength, dim):
    return CalibratedClassifierCV(SVC(C=strength), ensemble=False) if dim == 80 else \
        LogisticRegression(C=strength, max_iter=5000)


def facts(found, items, classes):
    takes = sorted(found)
    labels = np.array([classes.index(items[take].label) for take in takes])
    probabilities, speakers = np.array([found[take] for take in takes]), np.array([items[t].speaker for t in takes])
    low, high = speaker_intervals(probabilities.argmax(axis=1), labels, speakers, len(classes))["uar"]
    return {"uar": score(probabilities, labels).uar, "low": low, "high": high, "clips": len(takes)}


if __name__ == "__main__":
    main()

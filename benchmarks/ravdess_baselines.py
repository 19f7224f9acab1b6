"""What simple methods reach on `ravdess_dev5`, five folds pooled, regularisation picked on validation speakers.

    python benchmarks/ravdess_baselines.py --sound RAVDESS_SPEECH --action_units action_units.csv \\
        --weights moonshine_base_en

Mean and deviation of 20 MFCCs and their differences, support vectors with an RBF kernel; the action units of a take,
logistic regression; mean and deviation over time of a layer of a frozen speech encoder, of whole takes, logistic
regression, for every layer and for the one that validation speakers pick; layers side by side, also by the linear
discriminant of `train.probe_first`; products of two; each again with features centred and scaled per speaker. Answers
of the encoder and the units go to results/ravdess, a folder each, for benchmarks/ravdess.py to compare. A quarter of
an hour of two cores.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import torchaudio
from rich.progress import track
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from vaer.config import AudioConfig, Config, DataConfig, ModelConfig, VideoConfig, resolve
from vaer.data.collate import collate
from vaer.data.dataset import EvaluationClips, Modalities
from vaer.data.protocols import read_split
from vaer.demo.redraw import read_units
from vaer.evaluation.calibration import choose_temperature
from vaer.evaluation.intervals import speaker_intervals
from vaer.evaluation.metrics import score
from vaer.media.media import SAMPLE_RATE, read_waveform
from vaer.media.probe import probe
from vaer.models.audio import AUDIO_BRANCHES
from vaer.models.layers.pooling import masked_statistics
from vaer.records import Tokens
from vaer.runs.provenance import machine_facts
from vaer.training.discriminant import fit_discriminant
from vaer.weights import read_audio
from vaer.weights.decide import decide
from vaer.weights.records import apply

RESULTS = Path(__file__).parent / "results"
RESULT = RESULTS / "ravdess_baselines.json"
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
COMMAND = ("python benchmarks/ravdess_baselines.py --sound RAVDESS_SPEECH --action_units action_units.csv "
           "--weights moonshine_base_en")
UNITS, ENCODER = "34 action-unit values, logistic regression", "frozen Moonshine, picked layer, logistic regression"
DISCRIMINANT = "linear discriminant"
JOINED = f"frozen Moonshine, layers 1 to 6 side by side, {DISCRIMINANT}"
KEPT = {UNITS: "units", ENCODER: "moonshine_frozen", JOINED: "moonshine_frozen_joined"}
"""Rows whose answers go to results/ravdess, and the folder there; `_norm` is added for those per speaker."""


class Answers(NamedTuple):
    """What the classifiers of all folds answer, each to the takes that its fold tests."""

    probabilities: dict[str, np.ndarray]
    """(classes,) of every take."""
    temperatures: list[float]
    """Of each fold, by its validation speakers."""
    picked: list[list[float]]
    """Of each fold: the place of the features among those offered, and the strength, or shrinkage."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sound", required=True)
    parser.add_argument("--action_units", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    options = parser.parse_args()
    data = DataConfig(root=options.sound, protocol="ravdess_dev5")
    splits, classes, items = read_folds(data)
    units = {take: np.concatenate(values) for take, values in read_units(options.action_units).items()}
    layers = hear(options.weights, items, classes, data)
    features = {"MFCC statistics, SVM": {take: statistics(item.audio_path) for take,
                                         item in track(items.items(), "MFCC")}}
    features |= {name: {take: units[take][:count] for take in items}
                 for name, count in (("17 action-unit intensities, logistic regression", 17), (UNITS, 34))}
    features |= {layer_name(number): values for number, values in enumerate(layers)}
    pair = {take: normed(np.concatenate([layers[2][take], layers[4][take]])) for take in items}
    features |= {f"frozen Moonshine, layers 2 and 4 side by side, {head}": pair
                 for head in ("logistic regression", DISCRIMINANT)}
    features[JOINED] = {take: normed(np.concatenate([layer[take] for layer in layers[1:7]])) for take in items}
    features |= {f"{name}, per speaker": per_speaker(values, items) for name, values in features.items()}
    fitted = {name: fit(values, splits, classes, discriminants if DISCRIMINANT in name else classifiers)
              for name, values in track(features.items(), "fitting")}
    answers = {name: answer([tried], splits, classes) for name, tried in fitted.items()}
    for suffix in ("", ", per speaker"):
        answers[ENCODER + suffix] = answer([fitted[layer_name(number) + suffix] for number in range(len(layers))],
                                           splits, classes)
    machine = machine_facts()
    for name, folder in KEPT.items():
        keep(answers[name], folder, splits, classes, machine["git_commit"])
        keep(answers[f"{name}, per speaker"], f"{folder}_norm", splits, classes, machine["git_commit"])
    rows = {name: facts(found.probabilities, items, classes) | {"picked": found.picked}
            for name, found in answers.items()}
    for suffix in ("", ", per speaker"):
        for told, sound in (("MFCC", "MFCC statistics, SVM"), ("frozen Moonshine", ENCODER)):
            product = {take: values * answers[sound + suffix].probabilities[take]
                       for take, values in answers[UNITS + suffix].probabilities.items()}
            rows[f"34 values x {told}, product{suffix}"] = facts(product, items, classes)
    RESULT.write_text(json.dumps({"rows": rows, "strengths": STRENGTHS, "protocol": "ravdess_dev5",
                                  "git_commit": machine["git_commit"], "versions": machine["versions"],
                                  "machine": machine["machine"], "command": COMMAND}, indent=1) + "\n")
    for name, row in rows.items():
        print(f"{row['uar']:.3f}  [{row['low']:.3f}, {row['high']:.3f}]  {name}")


def layer_name(number):
    return f"frozen Moonshine, layer {number}, logistic regression"


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


@torch.inference_mode()
def hear(weights, items, classes, data):
    """For the first layer's input and each layer's output: mean and deviation over a take, (2 dim,), by take."""
    config = resolve(decide(Config(model=ModelConfig(
        video=VideoConfig(enabled=False), audio=AudioConfig(kind="transformers", pretrained=weights)))))
    branch = AUDIO_BRANCHES["transformers"](config=config.model.audio).eval()
    apply(branch, read_audio(weights, config.model.audio), weights)
    mixed = []
    branch.mix.register_forward_pre_hook(lambda _, inputs: mixed.append(inputs[0]))
    clips = EvaluationClips(list(items.values()), classes, config=data, wanted=Modalities(video=False))
    found = [{} for _ in branch.mix.weights]
    for index, take in enumerate(track(items, "encoder")):
        batch = collate([clips[0, index]], num_frames=data.num_frames, size=data.size, wanted=clips.wanted)
        tokens = branch(batch.waveform, batch.num_samples)
        for layer, values in zip(found, mixed.pop(), strict=True):
            layer[take] = masked_statistics(Tokens(values, tokens.times, tokens.mask))[0].numpy()
    return found


def per_speaker(values, items):
    """Each speaker's features with mean 0 and deviation 1 over all takes of the speaker: no label is used."""
    scaled = {}
    for speaker in {item.speaker for item in items.values()}:
        takes = [take for take, item in items.items() if item.speaker == speaker]
        scaled |= dict(zip(takes, StandardScaler().fit_transform([values[take] for take in takes]), strict=True))
    return scaled


def normed(values):
    """(dim,) as the network's heads see it: with mean 0 and deviation 1."""
    return (values - values.mean()) / values.std()


def fit(values, splits, classes, learn):
    """For each fold, of (dim,) by take: the strengths tried, each with the answers for validation and test takes."""
    found = []
    for _, split in splits:
        sides = [np.array([values[item.take] for item in side]) for side in (split.train, split.validation, split.test)]
        labels = np.array([classes.index(item.label) for item in split.train])
        speakers = np.unique([item.speaker for item in split.train], return_inverse=True)[1]
        found.append(learn(sides, labels, speakers, len(classes)))
    return found


def classifiers(sides, labels, speakers, num_classes):
    """Support vectors for the 80 values of MFCCs, logistic regression for others, at every strength."""
    scaler = StandardScaler().fit(sides[0])
    train, *others = (scaler.transform(side) for side in sides)
    found = []
    for strength in STRENGTHS:
        model = (CalibratedClassifierCV(SVC(C=strength), ensemble=False) if train.shape[1] == 80 else
                 LogisticRegression(C=strength, max_iter=5000)).fit(train, labels)
        found.append((strength, *(model.predict_proba(side) for side in others)))
    return found


def discriminants(sides, labels, speakers, num_classes):
    """The one whose shrinkage held-out training speakers choose."""
    train, *others = (torch.from_numpy(side).double() for side in sides)
    head = fit_discriminant(train, torch.from_numpy(labels), torch.from_numpy(speakers), num_classes)
    return [(head.shrinkage, *((side @ head.weight.T + head.bias).softmax(1).numpy() for side in others))]


def answer(offered, splits, classes):
    """The answers of that classifier, of what is `offered` by `fit`, which a fold's validation speakers pick."""
    found, temperatures, picked = {}, [], []
    for fold, (_, split) in enumerate(splits):
        labels = np.array([classes.index(item.label) for item in split.validation])
        tried = [(score(validation, labels).uar, place, strength, validation, test)
                 for place, fitted in enumerate(offered)
                 for strength, validation, test in fitted[fold]]
        _, *best, validation, test = max(tried, key=lambda one: one[0])
        picked.append(best)
        speakers = np.array([item.speaker for item in split.validation])
        temperatures.append(choose_temperature(validation, labels, speakers))
        found |= {item.take: row for item, row in zip(split.test, test, strict=True)}
    return Answers(found, temperatures, picked)


def facts(found, items, classes):
    takes = sorted(found)
    labels = np.array([classes.index(items[take].label) for take in takes])
    probabilities, speakers = np.array([found[take] for take in takes]), np.array([items[t].speaker for t in takes])
    low, high = speaker_intervals(probabilities.argmax(axis=1), labels, speakers, len(classes))["uar"]
    return {"uar": score(probabilities, labels).uar, "low": low, "high": high, "clips": len(takes)}


def keep(found, name, splits, classes, git_commit):
    """The answers of each fold with its facts, as benchmarks/ravdess.py keeps those of a run."""
    folder = RESULTS / "ravdess" / name
    folder.mkdir(parents=True, exist_ok=True)
    for fold, (_, split) in enumerate(splits):
        probabilities = np.array([found.probabilities[item.take] for item in split.test])
        labels = [item.label for item in split.test]
        table = pd.DataFrame({"take": [item.take for item in split.test],
                              "speaker": [item.speaker for item in split.test], "label": labels,
                              "prediction": [classes[place] for place in probabilities.argmax(axis=1)]})
        table = table.join(pd.DataFrame(probabilities, columns=list(classes)))
        table.to_csv(folder / f"fold{fold}.csv", index=False, float_format="%.4f")
        told = {"uar": score(probabilities, np.array([classes.index(label) for label in labels])).uar,
                "temperature": found.temperatures[fold], "picked": found.picked[fold],
                "git_commit": git_commit, "command": COMMAND}
        (folder / f"fold{fold}.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()

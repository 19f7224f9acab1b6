"""The tables and the picture of docs/results.md, from answers that are kept fold by fold in results/ravdess.

    vaer study benchmarks/studies/ravdess.yaml          # trains and scores what is missing
    python benchmarks/ravdess.py runs/studies/ravdess   # keeps its answers, then writes the page
    python benchmarks/ravdess.py                        # the page again, from what is there

A fold's answers go to results/ravdess/ROW/foldN.csv with its facts in foldN.json; those that are there stay unless
`--anew` is given. `--emodb EMODB` scores the networks of the row `sound` on that corpus, too. The rows of the frozen
encoder and of action units, which others are compared with, come from benchmarks/ravdess_baselines.py.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import numpy as np
import pandas as pd
from figures import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.data.corpora.ravdess import EMOTIONS
from vaer.evaluation.calibration import scale
from vaer.evaluation.intervals import paired_intervals, speaker_intervals
from vaer.evaluation.metrics import score
from vaer.runs.folder import RunFolder
from vaer.version import git_commit

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/ravdess"
PAGE = ROOT / "docs" / "results.md"
FOLDS = range(5)
CLASSES = tuple(EMOTIONS.values())
ROWS = {
    "sound": "sound, from scratch",
    "sound_levels": "sound, from scratch, with band levels, mixup and a moving average",
    "sound_sixteen": "the same with pitch and for longer, on fourteen and the two validation actors",
    "sound_formants": "sound, from scratch, ravdess_scratch.yaml: other formants and gains of bands, on sixteen",
    "sound_norm": "sound, from scratch, adapted to each speaker over its 60 unlabelled clips",
    "sound_nemo": "sound, nEMO first",
    "moonshine": "sound, fine-tuned from Moonshine",
    "moonshine_norm": "sound, fine-tuned from Moonshine, adapted to each speaker over its 60 unlabelled clips",
    "faces": "redrawn faces",
    "faces_norm": "redrawn faces, adapted to each speaker over its 60 unlabelled clips",
    "faces_fitted": "redrawn faces, from a discriminant",
    "faces_fitted_norm": "redrawn faces, from a discriminant, adapted to each speaker over its 60 unlabelled clips",
    "joint": "redrawn faces, recorded voices",
    "joint_norm": "redrawn faces, recorded voices, adapted to each speaker over its 60 unlabelled clips",
    "joint_moonshine": "redrawn faces, voices from Moonshine, end to end",
    "joint_moonshine_norm": "redrawn faces, voices from Moonshine, end to end, adapted to each speaker over its 60 "
                            "unlabelled clips",
}
"""The rows of the study, and what the page calls them."""
KEPT = ("seed", "epochs", "best_epoch", "best_validation_uar", "parameters", "split", "git_commit", "machine")
CROSS = "sound"
LABEL_MAP = {"anger": "angry", "happiness": "happy", "sadness": "sad", "fear": "fearful", "boredom": None}


class Comparison(NamedTuple):
    """Whose answers are compared: a list of several stands for the product of their calibrated posteriors."""

    about: str
    first: list[str]
    other: list[str]
    once: bool = False
    """Every posterior knows how frequent the classes are; this divides the first product, so that it counts once."""


DIFFERENCES = (
    Comparison("with band levels, mixup and a moving average, against without (from scratch)",
               ["sound"], ["sound_levels"]),
    Comparison("with pitch, for longer and on sixteen actors, against without (from scratch)",
               ["sound_levels"], ["sound_sixteen"]),
    Comparison("ravdess_scratch.yaml, against the row with pitch on the same sixteen actors",
               ["sound_sixteen"], ["sound_formants"]),
    Comparison("ravdess_scratch.yaml, against the row with band levels", ["sound_levels"], ["sound_formants"]),
    Comparison("ravdess_scratch.yaml, against ravdess_audio.yaml", ["sound"], ["sound_formants"]),
    Comparison("the product of ravdess_audio.yaml and the row with band levels, against the latter",
               ["sound_levels"], ["sound", "sound_levels"]),
    Comparison("nEMO first, against from scratch (sound)", ["sound"], ["sound_nemo"]),
    Comparison("adapted to each speaker, against not (sound)", ["sound"], ["sound_norm"]),
    Comparison("adapted to each speaker, against not (faces)", ["faces"], ["faces_norm"]),
    Comparison("adapted to each speaker, against not (joint)", ["joint"], ["joint_norm"]),
    Comparison("fine-tuned from Moonshine, against from scratch (sound)", ["sound"], ["moonshine"]),
    Comparison("fine-tuned, against the picked frozen layer (sound)", ["moonshine_frozen"], ["moonshine"]),
    Comparison("fine-tuned, against the same six layers and discriminant, frozen (sound)",
               ["moonshine_frozen_joined"], ["moonshine"]),
    Comparison("fine-tuned and adapted to each speaker, against the picked frozen layer, per speaker (sound)",
               ["moonshine_frozen_norm"], ["moonshine_norm"]),
    Comparison("fine-tuned and adapted to each speaker, against the same six layers and discriminant, "
               "per speaker (sound)", ["moonshine_frozen_joined_norm"], ["moonshine_norm"]),
    Comparison("joint, against the sound alone", ["sound"], ["joint"]),
    Comparison("joint, against the faces alone", ["faces"], ["joint"]),
    Comparison("joint, against the product of the two branches' calibrated posteriors", ["faces", "sound"], ["joint"]),
    Comparison("joint adapted, against the product of the two adapted branches' calibrated posteriors",
               ["faces_norm", "sound_norm"], ["joint_norm"]),
    Comparison("joint with Moonshine, against the sound alone", ["moonshine"], ["joint_moonshine"]),
    Comparison("joint with Moonshine, against the product of the two branches' calibrated posteriors",
               ["faces", "moonshine"], ["joint_moonshine"]),
    Comparison("joint with Moonshine, against that product, in which the frequency of classes counts once",
               ["faces", "moonshine"], ["joint_moonshine"], once=True),
    Comparison("joint with Moonshine, against the product with faces from a discriminant",
               ["faces_fitted", "moonshine"], ["joint_moonshine"]),
    Comparison("joint with Moonshine, against the product of its own two heads' calibrated posteriors",
               ["joint_moonshine@video", "joint_moonshine@audio"], ["joint_moonshine"]),
    Comparison("joint with Moonshine, its video alone, against the faces alone", ["faces"], ["joint_moonshine@video"]),
    Comparison("joint with Moonshine, its audio alone, against the sound alone",
               ["moonshine"], ["joint_moonshine@audio"]),
    Comparison("joint with Moonshine adapted, against the adapted sound alone",
               ["moonshine_norm"], ["joint_moonshine_norm"]),
    Comparison("joint with Moonshine adapted, against the product of the two adapted branches' calibrated posteriors",
               ["faces_norm", "moonshine_norm"], ["joint_moonshine_norm"]),
    Comparison("joint with Moonshine adapted, against that product, in which the frequency of classes counts once",
               ["faces_norm", "moonshine_norm"], ["joint_moonshine_norm"], once=True),
    Comparison("joint with Moonshine adapted, against the product with faces from a discriminant",
               ["faces_fitted_norm", "moonshine_norm"], ["joint_moonshine_norm"]),
    Comparison("joint with Moonshine adapted, against the product of its own two heads' calibrated posteriors",
               ["joint_moonshine_norm@video", "joint_moonshine_norm@audio"], ["joint_moonshine_norm"]),
    Comparison("joint with Moonshine adapted, its video alone, against the adapted faces alone",
               ["faces_norm"], ["joint_moonshine_norm@video"]),
    Comparison("joint with Moonshine adapted, its audio alone, against the adapted sound alone",
               ["moonshine_norm"], ["joint_moonshine_norm@audio"]),
    Comparison("joint with its video alone, against the faces alone", ["faces"], ["joint@video"]),
    Comparison("joint with its audio alone, against the sound alone", ["sound"], ["joint@audio"]),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", type=Path, help="the folder of the study")
    parser.add_argument("--anew", action="store_true", help="write over folds that are there")
    parser.add_argument("--emodb", help="the folder of EMO-DB, with its table.csv")
    options = parser.parse_args()
    if options.study is not None:
        for run in json.loads((options.study / "study.json").read_text())["runs"]:
            for place in run["rows"]:
                folder = RunFolder(options.study / run["folder"])
                if place["row"] in ROWS and run["state"] == "finished":
                    keep(place["row"], place["fold"], folder, anew=options.anew)
                if place["row"] == CROSS and options.emodb is not None and not cross_path(place["fold"]).is_file():
                    test_elsewhere(place["fold"], folder, options.emodb)
    write_page()


def keep(name, fold, folder, *, anew):
    """Keep what a fold of a row was answered, with its facts."""
    path = RESULTS / name / f"fold{fold}.json"
    if path.is_file() and not anew:
        return
    facts = folder.facts()
    with folder.log_path.open() as log:  # the median: a run may have been paused in one
        kept = {name: facts[name] for name in KEPT} | {
            "epoch_s": round(float(np.median([json.loads(line)["train_s"] for line in log])), 1),
            "command": "vaer study benchmarks/studies/ravdess.yaml"}
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix in folder.scored_suffixes():
        metrics = json.loads(folder.metrics_path(suffix).read_text())
        kept |= {f"uar{suffix}": metrics["uar"],
                 f"temperature{suffix}": metrics["calibration"]["temperatures"][str(fold)]}
        table = pd.read_csv(folder.predictions_path(suffix), dtype={"speaker": str})
        table = table[["take", "speaker", "label", "prediction", *CLASSES]]
        table.to_csv(path.with_name(f"fold{fold}{suffix}.csv"), index=False, float_format="%.4f")
    path.write_text(json.dumps(kept, indent=1) + "\n")


def cross_path(fold):
    return RESULTS / CROSS / f"fold{fold}_emodb.json"


def test_elsewhere(fold, folder, emodb):
    """Score the network of a fold on all of EMO-DB, among the classes that both corpora have."""
    command = ["evaluate.py", str(folder), "--corpus", "csv", "--root", emodb, "--label_map", json.dumps(LABEL_MAP)]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    metrics = json.loads(folder.metrics_path("_emodb").read_text())
    kept = {key: metrics[key] for key in ("uar", "war", "clips", "speakers", "intervals", "classes", "left_out",
                                          "split", "confusion", "seed")}
    kept |= {"command": " ".join("EMODB" if part == emodb else part for part in command), "git_commit": git_commit()}
    cross_path(fold).write_text(json.dumps(kept, indent=1) + "\n")


class PredictionTable(NamedTuple):
    """The pooled answers of the folds of a row that are there."""

    table: pd.DataFrame
    facts: list[dict]

    @property
    def probabilities(self):
        return self.table[list(CLASSES)].to_numpy()

    @property
    def labels(self):
        return np.array([CLASSES.index(label) for label in self.table["label"]])

    @property
    def speakers(self):
        return self.table["speaker"].to_numpy(dtype=str)

    def calibrated(self, suffix=""):
        """Each fold's probabilities at the temperature of its validation speakers; as they are where these train."""
        known = {facts["fold"]: facts[f"temperature{suffix}"] or 1.0 for facts in self.facts}
        temperature = self.table["fold"].map(known)
        scaled = [scale(row[None], value)[0] for row, value in zip(self.probabilities, temperature, strict=True)]
        return np.stack(scaled)


def read(name, suffix="", folds=FOLDS):
    """The answers of a row; None where no fold is there."""
    there = [fold for fold in folds if (RESULTS / name / f"fold{fold}.json").is_file()]
    if not there or not (RESULTS / name / f"fold{there[0]}{suffix}.csv").is_file():
        return None
    tables = [pd.read_csv(RESULTS / name / f"fold{fold}{suffix}.csv", dtype={"speaker": str}).assign(fold=fold)
              for fold in there]
    facts = [json.loads((RESULTS / name / f"fold{fold}.json").read_text()) | {"fold": fold} for fold in there]
    return PredictionTable(pd.concat(tables, ignore_index=True), facts)


def read_all():
    return {name: row for name in ROWS if (row := read(name)) is not None}


def write_page():
    """The tables of docs/results.md, between its marks, and the picture, from the folds that are there."""
    predicted = read_all()
    text = PAGE.read_text(encoding="utf-8")
    for mark, lines in (("rows", row_lines(predicted)), ("differences", difference_lines()),
                        ("hours", hour_lines(predicted))):
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    PAGE.write_text(text, encoding="utf-8")
    draw_again()


def row_lines(predicted):
    lines = ["| row | folds | clips | UAR [95 % over speakers] | WAR | UAR of each fold | minutes of training a fold |",
             "|---|---|---|---|---|---|---|"]
    for name, row in predicted.items():
        metrics = score(row.probabilities, row.labels)
        minutes = [facts["epochs"] * facts["epoch_s"] / 60 for facts in row.facts]
        lines.append(f"| {ROWS[name]} | {folds_told(row)} | {metrics.clips} | {told(row)} | {metrics.war:.3f} | "
                     f"{each(row, 'uar')} | {span_told(minutes)} |")
        for modality in ("video", "audio"):
            alone = read(name, f"_{modality}")
            if alone is not None:
                lines.append(f"| the same network, {modality} alone at test time | {folds_told(alone)} | "
                             f"{metrics.clips} | {told(alone)} | {score(alone.probabilities, alone.labels).war:.3f} | "
                             f"{each(alone, f'uar_{modality}')} | |")
    lines += [f"| the network of fold {fold} of \"{ROWS[CROSS]}\" on EMO-DB (German), "
              f"{len(cross['classes'])} classes | | {cross['clips']} | {cross['uar']:.3f} "
              f"[{cross['intervals']['uar'][0]:.3f}, {cross['intervals']['uar'][1]:.3f}] | {cross['war']:.3f} | | |"
              for fold in FOLDS if cross_path(fold).is_file()
              for cross in [json.loads(cross_path(fold).read_text())]]
    return lines


def hour_lines(predicted):
    seconds = [facts["epochs"] * facts["epoch_s"] for row in predicted.values() for facts in row.facts]
    return [f"The {len(seconds)} folds of the table trained for {sum(seconds) / 3600:.1f} hours together (the sum of "
            "their epochs), on two cores shared", "with other work."]


def each(row, fact):
    return ", ".join(f"{facts[fact]:.3f}" for facts in row.facts)


def span_told(minutes):
    return " to ".join(dict.fromkeys(f"{value:.0f}" for value in (min(minutes), max(minutes))))


def folds_told(row):
    return ", ".join(str(facts["fold"]) for facts in row.facts)


def told(row):
    spans = speaker_intervals(row.probabilities.argmax(axis=1), row.labels, row.speakers, len(CLASSES))
    span = "" if spans is None else f" [{spans['uar'].low:.3f}, {spans['uar'].high:.3f}]"
    return f"{score(row.probabilities, row.labels).uar:.3f}{span}"


def difference_lines():
    """What one answer is above another, on the folds that both have."""
    lines = ["| compared | folds | difference in UAR [95 % over speakers, paired] |", "|---|---|---|"]
    for comparison in DIFFERENCES:
        names = [part.partition("@")[0] for part in (*comparison.first, *comparison.other)]
        folds = [fold for fold in FOLDS if all((RESULTS / name / f"fold{fold}.json").is_file() for name in names)]
        if folds:
            lines.append(f"| {comparison.about} | {', '.join(map(str, folds))} | {difference(comparison, folds)} |")
    return lines


def difference(comparison, folds):
    one, two = (aligned(parts, folds) for parts in (comparison.first, comparison.other))
    if comparison.once:
        one = one._replace(calibrated=one.calibrated / np.bincount(one.labels) ** (len(comparison.first) - 1))
    sides = [side.calibrated.argmax(axis=1) for side in (one, two)]
    gap = np.subtract(*(score(side.calibrated, one.labels).uar for side in (two, one)))
    spans = paired_intervals(*sides, one.labels, one.speakers, len(CLASSES))
    return f"{gap:+.3f}" + ("" if spans is None else f" [{spans['uar'].low:+.3f}, {spans['uar'].high:+.3f}]")


class Product(NamedTuple):
    """The product of calibrated answers, in the order of the takes."""

    calibrated: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray


def aligned(parts, folds):
    """The product of the answers of rows, such as `joint@video` (video alone at test time), on some folds."""
    product, first = 1.0, None
    for part in parts:
        name, _, modality = part.partition("@")
        predicted = read(name, f"_{modality}" if modality else "", folds)
        order = np.argsort(predicted.table["take"].to_numpy())
        takes = predicted.table["take"].to_numpy()[order].tolist()
        assert first is None or takes == first, f"{part} and {parts[0]} have other takes"
        first = takes
        product = product * predicted.calibrated(f"_{modality}" if modality else "")[order]
    return Product(product, predicted.labels[order], predicted.speakers[order])


def draw_again():
    """Bars of the UAR with its interval, a row each, of the answers as they lie there."""
    if not (predicted := read_all()):
        return
    figure = Figure(figsize=(8, 1 + 0.6 * len(predicted)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, row in enumerate(predicted.values()):
        uar = score(row.probabilities, row.labels).uar
        spans = speaker_intervals(row.probabilities.argmax(axis=1), row.labels, row.speakers, len(CLASSES))
        error = None if spans is None else [[uar - spans["uar"].low], [spans["uar"].high - uar]]
        axes.barh(place, uar, xerr=error, color="#3b6ea5", ecolor="#333333", capsize=3)
        axes.text(0.01, place, f"{uar:.3f}", va="center", color="white", fontsize="small")
    axes.set_yticks(range(len(predicted)),
                    [f"{fill(ROWS[name], 40)}\n(folds {folds_told(row)})" for name, row in predicted.items()],
                    fontsize="small")
    axes.invert_yaxis()
    axes.axvline(1 / len(CLASSES), color="#999999", linestyle=":", label="chance")
    axes.set_xlim(0, 1)
    axes.set_xlabel("UAR, speakers never seen (ravdess_dev5)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize="small")
    save(figure, RESULTS)


if __name__ == "__main__":
    main()

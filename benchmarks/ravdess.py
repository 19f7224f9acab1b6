"""Every row of docs/results.md, fold by fold: RAVDESS, recorded voices and redrawn faces, protocol `ravdess_dev5`.

    python benchmarks/ravdess.py --sound RAVDESS_SPEECH --nemo NEMO --emodb EMODB --redrawn data/redrawn \\
        --units data/units
    python benchmarks/ravdess.py --page            # docs/results.md and the picture again, from what is there

`vaer redraw data/redrawn --sound RAVDESS_SPEECH --action_units action_units.csv` makes the faces. A fold's answers go
to results/ravdess/ROW/foldN.csv with its facts in foldN.json as it ends; folds that are there are skipped, and an
interrupted one goes on. `--rows` and `--folds` choose some. What rows start from is trained before them.
"""

import argparse
import json
import sys
from textwrap import fill
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from measure import LAUNCH, ROOT, finished, has_both, run
from measure import RESULTS as TABLES

from vaer.data.corpora.ravdess import EMOTIONS
from vaer.evaluation.calibration import scale
from vaer.evaluation.intervals import paired_intervals, speaker_intervals
from vaer.evaluation.metrics import score
from vaer.runs.provenance import machine_facts

RESULTS = TABLES / "ravdess"
RUNS = "runs/ravdess_rows"
PAGE = ROOT / "docs" / "results.md"
FOLDS = range(5)
CLASSES = tuple(EMOTIONS.values())


class Row(NamedTuple):
    """One line of the table: what it is trained on, with which recipe, from which weights."""

    about: str
    config: str
    data: str
    """The option that names its corpus: sound or redrawn."""
    flags: tuple[str, ...] = ()
    starts: dict[str, str] = {}
    """What it starts from: by the flag, a name of RECIPES or another row, whose same fold it takes."""


RECIPES = {"nemo": ("configs/nemo_audio.yaml", "nemo"), "units": ("configs/units_video.yaml", "units")}
"""What rows start from beside other rows: a recipe, and the option that names its corpus."""
NORM = ("--model.speaker_norm", "true")
ROWS = {
    "sound": Row("sound, from scratch", "configs/ravdess_audio.yaml", "sound"),
    "sound_norm": Row("sound, from scratch, adapted to each speaker over its 60 unlabelled clips",
                      "configs/ravdess_audio.yaml", "sound", NORM),
    "sound_nemo": Row("sound, nEMO first", "configs/ravdess_audio.yaml", "sound", (),
                      {"--model.audio.pretrained": "nemo"}),
    "faces": Row("redrawn faces", "configs/redrawn_faces.yaml", "redrawn", (), {"--model.video.pretrained": "units"}),
    "faces_norm": Row("redrawn faces, adapted to each speaker over its 60 unlabelled clips",
                      "configs/redrawn_faces.yaml", "redrawn", NORM, {"--model.video.pretrained": "units"}),
    "joint": Row("redrawn faces, recorded voices", "configs/ravdess_redrawn.yaml", "redrawn", (),
                 {"--model.video.pretrained": "faces", "--model.audio.pretrained": "sound"}),
    "joint_norm": Row("redrawn faces, recorded voices, adapted to each speaker over its 60 unlabelled clips",
                      "configs/ravdess_redrawn.yaml", "redrawn", NORM,
                      {"--model.video.pretrained": "faces_norm", "--model.audio.pretrained": "sound_norm"}),
}
CROSS = "sound"
LABEL_MAP = {"anger": "angry", "happiness": "happy", "sadness": "sad", "fear": "fearful", "boredom": None}
DIFFERENCES = (
    ("nEMO first, against from scratch (sound)", ["sound"], ["sound_nemo"]),
    ("adapted to each speaker, against not (sound)", ["sound"], ["sound_norm"]),
    ("adapted to each speaker, against not (faces)", ["faces"], ["faces_norm"]),
    ("adapted to each speaker, against not (joint)", ["joint"], ["joint_norm"]),
    ("joint, against the sound alone", ["sound"], ["joint"]),
    ("joint, against the faces alone", ["faces"], ["joint"]),
    ("joint, against the product of the two branches' calibrated posteriors", ["faces", "sound"], ["joint"]),
    ("joint adapted, against the product of the two adapted branches' calibrated posteriors",
     ["faces_norm", "sound_norm"], ["joint_norm"]),
    ("joint with its video alone, against the faces alone", ["faces"], ["joint@video"]),
    ("joint with its audio alone, against the sound alone", ["sound"], ["joint@audio"]),
)
"""Whose answers are compared: a list of several stands for the product of their calibrated posteriors."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sound", help="the folder of the recorded voices")
    parser.add_argument("--redrawn", help="the folder of the redrawn takes")
    parser.add_argument("--nemo", help="the folder of nEMO, with its table.csv")
    parser.add_argument("--units", help="the folder of the faces with one unit raised (`vaer demo DST --task units`)")
    parser.add_argument("--emodb", help="the folder of EMO-DB, with its table.csv: the row `sound` is tested on it")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--folds", nargs="*", type=int, choices=FOLDS, default=list(FOLDS))
    parser.add_argument("--page", action="store_true", help="train nothing")
    options = parser.parse_args()
    for fold in options.folds:  # all rows of a fold before the next one: they are compared with each other
        for name in options.rows:
            if not options.page and not (RESULTS / name / f"fold{fold}.json").is_file():
                train_fold(name, fold, vars(options))
                write_page()
        if not options.page and options.emodb is not None and not cross_path(fold).is_file():
            test_elsewhere(fold, vars(options))
    write_page()


def train_fold(name, fold, roots):
    """Train and score one fold of a row, and keep what its test clips were answered."""
    row, output = ROWS[name], f"{RUNS}/{name}/fold{fold}"
    starts = [part for flag, source in row.starts.items() for part in (flag, start(source, fold, roots))]
    command = [*LAUNCH, "--config", row.config, *row.flags, *starts, "--data.root", root_of(row.data, roots),
               "--data.fold", str(fold), "--output", output, "--train.resume", "true"]
    train(command, output)
    facts = json.loads((ROOT / output / "run.json").read_text())
    kept = {key: facts[key] for key in ("seed", "epochs", "best_epoch", "best_validation_uar", "parameters", "split",
                                        "git_commit", "machine")}
    with (ROOT / output / "log.jsonl").open() as log:  # the median: a run may have been paused in one
        kept["epoch_s"] = round(float(np.median([json.loads(line)["train_s"] for line in log])), 1)
    kept |= {"command": told_command(command, root_of(row.data, roots), row.data.upper())}
    (RESULTS / name).mkdir(parents=True, exist_ok=True)
    for modality in ("both", "video", "audio") if has_both(facts) else ("both",):
        run(["python", "evaluate.py", output, "--modality", modality, "--batch_size", "32"])
        suffix = "" if modality == "both" else f"_{modality}"
        metrics = json.loads((ROOT / output / f"metrics{suffix}.json").read_text())
        kept |= {f"uar{suffix}": metrics["uar"],
                 f"temperature{suffix}": metrics["calibration"]["temperatures"][str(fold)]}
        table = pd.read_csv(ROOT / output / f"predictions{suffix}.csv", dtype={"speaker": str})
        table[["take", "speaker", "label", *CLASSES]].to_csv(RESULTS / name / f"fold{fold}{suffix}.csv", index=False,
                                                             float_format="%.4f")
    # Last: a fold whose facts are there is finished.
    (RESULTS / name / f"fold{fold}.json").write_text(json.dumps(kept, indent=1) + "\n")


def told_command(command, folder, name):
    return " ".join(name if part == folder else part for part in command)


def cross_path(fold):
    return RESULTS / CROSS / f"fold{fold}_emodb.json"


def test_elsewhere(fold, roots):
    """Score the network of a fold on all of EMO-DB, among the classes that both corpora have."""
    command = ["python", "evaluate.py", start(CROSS, fold, roots), "--corpus", "csv", "--root", roots["emodb"],
               "--label_map", json.dumps(LABEL_MAP), "--batch_size", "32"]
    run(command)
    metrics = json.loads((ROOT / RUNS / CROSS / f"fold{fold}" / "metrics_emodb.json").read_text())
    kept = {key: metrics[key] for key in ("uar", "war", "clips", "speakers", "intervals", "classes", "left_out",
                                          "split", "confusion", "seed")}
    kept |= {"command": told_command(command, roots["emodb"], "EMODB"),
             "git_commit": machine_facts()["git_commit"]}
    cross_path(fold).write_text(json.dumps(kept, indent=1) + "\n")


def start(name, fold, roots):
    """The run that a row starts from, trained where it is not there yet."""
    if name in ROWS:
        if not finished(f"{RUNS}/{name}/fold{fold}"):
            train_fold(name, fold, roots)
        return f"{RUNS}/{name}/fold{fold}"
    config, corpus = RECIPES[name]
    train([*LAUNCH, "--config", config, "--data.root", root_of(corpus, roots), "--output", f"{RUNS}/{name}",
           "--train.resume", "true"], f"{RUNS}/{name}")
    return f"{RUNS}/{name}"


def train(command, output):
    if not finished(output):
        run(command)


def root_of(corpus, roots):
    if roots[corpus] is None:
        sys.exit(f"--{corpus} is missing: the folder of that corpus")
    return roots[corpus]


class Answers(NamedTuple):
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
        """Each fold's probabilities at the temperature of its validation speakers."""
        temperature = self.table["fold"].map({facts["fold"]: facts[f"temperature{suffix}"] for facts in self.facts})
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
    return Answers(pd.concat(tables, ignore_index=True), facts)


def write_page():
    """The tables of docs/results.md, between its marks, and the picture, from the folds that are there."""
    answers = {name: row for name in ROWS if (row := read(name)) is not None}
    text = PAGE.read_text(encoding="utf-8")
    for mark, lines in (("rows", row_lines(answers)), ("differences", difference_lines(answers)),
                        ("hours", hour_lines(answers))):
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    PAGE.write_text(text, encoding="utf-8")
    if answers:
        draw(answers)


def row_lines(answers):
    lines = ["| row | folds | clips | UAR [95 % over speakers] | WAR | UAR of each fold | minutes of training a fold |",
             "|---|---|---|---|---|---|---|"]
    for name, row in answers.items():
        metrics = score(row.probabilities, row.labels)
        minutes = [facts["epochs"] * facts["epoch_s"] / 60 for facts in row.facts]
        lines.append(f"| {ROWS[name].about} | {folds_told(row)} | {metrics.clips} | {told(row)} | {metrics.war:.3f} | "
                     f"{each(row, 'uar')} | {span_told(minutes)} |")
        for modality in ("video", "audio"):
            alone = read(name, f"_{modality}")
            if alone is not None:
                lines.append(f"| the same network, {modality} alone at test time | {folds_told(alone)} | "
                             f"{metrics.clips} | {told(alone)} | {score(alone.probabilities, alone.labels).war:.3f} | "
                             f"{each(alone, f'uar_{modality}')} | |")
    lines += [f"| the network of fold {fold} of \"{ROWS[CROSS].about}\" on EMO-DB (German), "
              f"{len(cross['classes'])} classes | | {cross['clips']} | {cross['uar']:.3f} "
              f"[{cross['intervals']['uar'][0]:.3f}, {cross['intervals']['uar'][1]:.3f}] | {cross['war']:.3f} | | |"
              for fold in FOLDS if cross_path(fold).is_file()
              for cross in [json.loads(cross_path(fold).read_text())]]
    return lines


def hour_lines(answers):
    seconds = [facts["epochs"] * facts["epoch_s"] for row in answers.values() for facts in row.facts]
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


def difference_lines(answers):
    """What one answer is above another, on the folds that both have."""
    lines = ["| compared | folds | difference in UAR [95 % over speakers, paired] |", "|---|---|---|"]
    for about, first, other in DIFFERENCES:
        parts = [part.partition("@")[::2] for part in (*first, *other)]
        if not all(name in answers for name, _ in parts):
            continue
        folds = [fold for fold in FOLDS if all((RESULTS / name / f"fold{fold}.json").is_file() for name, _ in parts)]
        if folds:
            lines.append(f"| {about} | {', '.join(map(str, folds))} | {difference(first, other, folds)} |")
    return lines


def difference(first, other, folds):
    one, two = (aligned(parts, folds) for parts in (first, other))
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
        answers = read(name, f"_{modality}" if modality else "", folds)
        order = np.argsort(answers.table["take"].to_numpy())
        takes = answers.table["take"].to_numpy()[order].tolist()
        assert first is None or takes == first, f"{part} and {parts[0]} have other takes"
        first = takes
        product = product * answers.calibrated(f"_{modality}" if modality else "")[order]
    return Product(product, answers.labels[order], answers.speakers[order])


def draw(answers):
    """Bars of the UAR with its interval, a row each."""
    figure = Figure(figsize=(8, 1 + 0.6 * len(answers)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, row in enumerate(answers.values()):
        uar = score(row.probabilities, row.labels).uar
        spans = speaker_intervals(row.probabilities.argmax(axis=1), row.labels, row.speakers, len(CLASSES))
        error = None if spans is None else [[uar - spans["uar"].low], [spans["uar"].high - uar]]
        axes.barh(place, uar, xerr=error, color="#3b6ea5", ecolor="#333333", capsize=3)
        axes.text(0.01, place, f"{uar:.3f}", va="center", color="white", fontsize="small")
    axes.set_yticks(range(len(answers)),
                    [f"{fill(ROWS[name].about, 40)}\n(folds {folds_told(row)})" for name, row in answers.items()],
                    fontsize="small")
    axes.invert_yaxis()
    axes.axvline(1 / len(CLASSES), color="#999999", linestyle=":", label="chance")
    axes.set_xlim(0, 1)
    axes.set_xlabel("UAR, speakers never seen (ravdess_dev5)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize="small")
    figure.savefig(RESULTS.with_suffix(".png"), dpi=120)


if __name__ == "__main__":
    main()

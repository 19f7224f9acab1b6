"""CK+48 as this project reads it, and its score a sequence: posed faces of 118 people, seven classes with contempt.

    python benchmarks/ck48.py prepare FOLDER data/ck48     # FOLDER holds table.csv and a folder a label
    vaer study benchmarks/studies/ck48.yaml
    python benchmarks/ck48.py score runs/studies/ck48

A sequence is a take of three frames, and its answer the mean of their probabilities. Ten groups of people are tested in
turn, so that everybody is tested once. Writes benchmarks/results/ck48.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from vaer.evaluation.intervals import paired_intervals, speaker_intervals
from vaer.evaluation.metrics import score, score_classes

RESULT = Path(__file__).parent / "results" / "ck48.json"


def main(arguments: list[str] | None = None) -> None:
    """Prepare the table, or score a study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    preparing, scoring = parts.add_parser("prepare"), parts.add_parser("score")
    preparing.add_argument("folder", type=Path)
    preparing.add_argument("out", type=Path)
    scoring.add_argument("studies", type=Path, nargs="+")
    scoring.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    if options.part == "prepare":
        prepare(options.folder, options.out)
    else:
        result = scored(options.studies)
        options.out.write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps(result["rows"], indent=1))


def prepare(folder: Path, out: Path) -> None:
    """Write table.csv into `out`, with the frames linked in, each sequence a take."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "frames").is_symlink():
        (out / "frames").symlink_to(folder.resolve(), target_is_directory=True)
    rows = pd.read_csv(folder / "table.csv", dtype=str)
    rows["take"] = rows["speaker"] + "_" + rows["sequence"]
    rows["path"] = "frames/" + rows["path"]
    rows.drop(columns="sequence").to_csv(out / "table.csv", index=False)
    print(f"{out}: {len(rows)} frames of {rows['take'].nunique()} sequences of {rows['speaker'].nunique()} people")


def scored(studies: list[Path]) -> dict:
    """UAR and accuracy of every row over all its folds' sequences, and how far the others are from the first."""
    answers, commits = {}, set()
    for study in studies:
        for run in json.loads((study / "study.json").read_text())["runs"]:
            commits.add(run["git_commit"])
            for row in run["rows"]:
                answers.setdefault(row["row"], []).append(sequences(study / run["folder"] / "predictions.csv"))
    pooled = {row: pd.concat(tables).sort_index() for row, tables in answers.items()}
    first, *others = pooled.values()
    classes = tuple(sorted(set(first["label"])))
    rows = {row: row_of(table, classes) for row, table in pooled.items()}
    labels = np.array([classes.index(label) for label in first["label"]])
    predicted = [table[list(classes)].to_numpy().argmax(1) for table in (first, *others)]
    people = first["speaker"].to_numpy()
    differences = {row: paired_intervals(predicted[0], other, labels, people, len(classes))["uar"]
                   for row, other in zip(list(pooled)[1:], predicted[1:], strict=True)}
    command = f"python benchmarks/ck48.py score {' '.join(map(str, studies))}"
    return {"command": command, "git_commits": sorted(commits), "sequences": len(first),
            "people": len(set(people)), "rows": rows, "uar_beyond_the_first": differences}


def sequences(path: Path) -> pd.DataFrame:
    """The mean answer of each sequence's frames, by take."""
    frames = pd.read_csv(path, dtype={"speaker": str, "frame": str}, keep_default_na=False)
    numbers = frames.select_dtypes("number").columns.drop("fold")
    return frames.groupby("take").agg(dict.fromkeys(numbers, "mean") | {"label": "first", "speaker": "first"})


def row_of(table: pd.DataFrame, classes: tuple[str, ...]) -> dict:
    """The scores of a row with their intervals over people, and the recall of each class."""
    probabilities = table[list(classes)].to_numpy()
    labels = np.array([classes.index(label) for label in table["label"]])
    intervals = speaker_intervals(probabilities.argmax(1), labels, table["speaker"].to_numpy(), len(classes))
    metrics, recalls = score(probabilities, labels), score_classes(probabilities, labels, classes)
    return {"uar": [metrics.uar, *intervals["uar"]], "war": [metrics.war, *intervals["war"]],
            "recall": {name: row["recall"] for name, row in recalls.items()}}


if __name__ == "__main__":
    main()

"""What the starter network knows: voices, faces, both, and a person whom it never saw.

    python benchmarks/starter.py runs/starter --faces data/fer2013 --actor RAVDESS_FILMS

The run is scored as `vaer evaluate` scores it. Composed clips of its test side: both, and each modality alone; the
voice alone of these are actors 17 to 20. FER2013's official test part: the face alone, with and without photographs
that stand on another side. The films of RAVDESS's actor 01 below `--actor` (several folders may be named) go through
`vaer predict`, faces found and cut. Intervals are Wilson's over clips: with four speakers, or none known, they say
nothing of other people, and are too narrow for them. Writes benchmarks/results/starter.json.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import track
from scipy.stats import binomtest

import vaer
from vaer.evaluation.metrics import score, score_classes
from vaer.runs.provenance import machine_facts

RESULT = Path(__file__).parent / "results" / "starter.json"
SPOKEN = {"01": "neutral", "02": "neutral", "03": "happy", "04": "sad", "05": "angry", "06": "fearful", "07": "disgust",
          "08": "surprised"}
"""RAVDESS's emotions by the third number of a file's name, calm as neutral."""
NAMES = {"fear": "fearful", "surprise": "surprised"}


def main(arguments: list[str] | None = None) -> None:
    """Score the run on everything and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--actor", type=Path, nargs="+", default=[])
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    facts = machine_facts()
    result = {"command": f"python {' '.join(sys.argv)}", "git_commit": facts["git_commit"], "rows": {}}
    for modality in ("both", "audio", "video"):
        told = vaer.evaluate(options.run, modality=modality)
        result["rows"][f"composed clips, {modality}"] = row_of(options.run / f"predictions{suffix(modality)}.csv",
                                                               told["classes"])
    test = options.faces / "test.csv"
    sides, table = pd.read_csv(options.faces / "sides.csv"), pd.read_csv(options.faces / "table.csv")
    table[(sides["side"] == "test").to_numpy()].to_csv(test, index=False)
    told = vaer.evaluate(options.run, corpus="csv", root=str(test), label_map=NAMES)
    answers = options.run / "predictions_test.csv"
    result["rows"]["FER2013, official test part"] = row_of(answers, told["classes"])
    result["rows"]["FER2013, photographs on no other side"] = row_of(answers, told["classes"], twin="none")
    for folder in options.actor:
        result["rows"] |= acted(vaer.load(options.run), folder)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    for name, row in result["rows"].items():
        print(f"{name:45} {row['clips']:5} clips  WAR {row['war']:.3f} {row['interval']}  UAR {row['uar']:.3f}")


def suffix(modality: str) -> str:
    """How `vaer evaluate` names what it found with one modality."""
    return "" if modality == "both" else f"_{modality}"


def row_of(path: Path, classes: list[str], **attributes: str) -> dict[str, Any]:
    """The scores of a predictions.csv, or of its clips with these attributes."""
    rows = pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys(("speaker", *attributes), str))
    for name, value in attributes.items():
        rows = rows[rows[name] == value]
    return scores(rows[classes].to_numpy(float), [classes.index(label) for label in rows["label"]], classes)


def acted(predictor: "vaer.Predictor", folder: Path) -> dict[str, dict[str, Any]]:
    """The scores of RAVDESS's films below a folder by what answered: both together, the face, the voice."""
    answers: dict[str, list[tuple[list[float], int]]] = {"both": [], "face": [], "voice": []}
    classes = list(predictor.classes)
    for path in track(sorted(folder.rglob("0[12]-*.mp4")), f"films of {folder.name}"):
        mean = predictor(path).mean
        for name, kind in (("both", "probabilities"), ("face", "video"), ("voice", "audio")):
            if mean[kind] is not None:
                answers[name].append(([mean[kind][one] for one in classes],
                                      classes.index(SPOKEN[path.name.split("-")[2]])))
    return {f"{folder.name}, {name}": scores(np.array([row for row, _ in kept]), [label for _, label in kept], classes)
            for name, kept in answers.items() if kept}


def scores(probabilities: np.ndarray, labels: list[int], classes: list[str]) -> dict[str, Any]:
    """Accuracy with Wilson's interval over clips, UAR, and the recall of each class that occurs."""
    metrics = score(probabilities, np.array(labels))
    right = round(metrics.war * metrics.clips)
    interval = binomtest(right, metrics.clips).proportion_ci(0.95, "wilson")
    recalls = score_classes(probabilities, np.array(labels), tuple(classes))
    return {"clips": metrics.clips, "war": round(metrics.war, 4),
            "interval": [round(float(edge), 4) for edge in (interval.low, interval.high)],
            "uar": round(metrics.uar, 4),
            "recall": {name: round(row["recall"], 3) for name, row in recalls.items() if row["clips"]}}


if __name__ == "__main__":
    main()

"""Train and score the rows of a table, one after the other, and keep every figure with its command, seed and commit.

    python benchmarks/measure.py demo          # three seeds and every ablation on the demo corpus
    python benchmarks/measure.py moment        # cross-attention and concat on the second task
    python benchmarks/measure.py prepared --root FOLDER   # three seeds on the demo corpus as `vaer prepare` left it
    python benchmarks/measure.py ravdess_audio --root FOLDER_OF_RAVDESS_SOUND

Writes benchmarks/results/NAME.json and NAME.png after each row; rows that are there already are skipped.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.runs.provenance import machine_facts

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
LAUNCH = ["accelerate", "launch", "--quiet", "--config_file", "configs/accelerate/cpu.yaml",
          "--num_cpu_threads_per_process", "2", "train.py"]
DEMO = {
    "everything": [], "everything, seed 1": ["--seed", "1"], "everything, seed 2": ["--seed", "2"],
    "--model.audio.enabled false": ["--model.audio.enabled", "false"],
    "--model.video.enabled false": ["--model.video.enabled", "false"],
    "--model.fusion.kind concat": ["--model.fusion.kind", "concat"],
    "--model.fusion.kind mean": ["--model.fusion.kind", "mean"],
    "--model.video.pathways slow": ["--model.video.pathways", "slow"],
    "--model.video.pathways fast": ["--model.video.pathways", "fast"],
    "--model.modality_dropout 0.3": ["--model.modality_dropout", "0.3"],
    "--model.video.freeze true": ["--model.video.freeze", "true"],
    "--model.audio.freeze true": ["--model.audio.freeze", "true"],
}
MOMENT = {f"cross_attention, 48 speakers train, seed {seed}": ["--seed", str(seed)] for seed in range(3)} | {
    f"concat, 48 speakers train, seed {seed}": ["--model.fusion.kind", "concat", "--seed", str(seed)]
    for seed in range(3)}
PREPARED = {f"everything, seed {seed}": ["--seed", str(seed)] for seed in range(3)}
TABLES = {"demo": ("configs/demo.yaml", DEMO), "prepared": ("configs/demo.yaml", PREPARED),
          "moment": ("configs/moment.yaml", MOMENT), "ravdess_audio": ("configs/ravdess_audio.yaml", {"fold 0": []})}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--root")
    parser.add_argument("--rows", nargs="*", help="only these")
    options = parser.parse_args()
    config, rows = TABLES[options.table]
    path = RESULTS / f"{options.table}.json"
    done = json.loads(path.read_text()) if path.exists() else {"rows": {}}
    for name, flags in rows.items():
        if name in done["rows"] or (options.rows and name not in options.rows):
            continue
        flags = flags + (["--data.root", options.root] if options.root else [])
        done["rows"][name] = row(config, flags, f"runs/measure/{options.table}/{name.replace(' ', '_').strip('-')}")
        path.write_text(json.dumps(done, indent=1) + "\n")
        draw(done["rows"], path.with_suffix(".png"))


def row(config, flags, output):
    """Train and score once; what both said, in figures."""
    command = [*LAUNCH, "--config", config, *flags, "--output", output, "--train.resume", "true"]
    started = perf_counter()
    run(command)
    trained_s = perf_counter() - started
    run(["python", "evaluate.py", output])
    metrics = json.loads((ROOT / output / "metrics.json").read_text())
    facts = json.loads((ROOT / output / "run.json").read_text())
    scores = {key: metrics[key] for key in ("uar", "war", "macro_f1", "clips", "protocol", "fold", "split")}
    if has_both(facts):
        for modality in ("video", "audio"):
            run(["python", "evaluate.py", output, "--modality", modality])
            scores[f"uar_{modality}_only_at_test"] = json.loads(
                (ROOT / output / f"metrics_{modality}.json").read_text())["uar"]
    machine = machine_facts()
    changed = subprocess.run(["git", "status", "--porcelain", "-uno", "--", ".", ":!benchmarks/results"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    return scores | {"command": " ".join(command), "seed": metrics["seed"], "trained_s": round(trained_s, 1),
                     "epochs": facts["epochs"], "best_epoch": facts["best_epoch"], "parameters": facts["parameters"],
                     "validation_uar": facts["best_validation_uar"],
                     "git_commit": machine["git_commit"].rstrip("+") + "+" * bool(changed),
                     "machine": f"{machine['machine']}, 2 cores"}


def finished(output):
    """Whether a run is there and has had all its epochs."""
    facts = ROOT / output / "run.json"
    return facts.is_file() and json.loads(facts.read_text())["finished"]


def has_both(facts):
    """Whether the run has both branches, and so can lose one at test time."""
    return {"video.0", "audio.0"} <= set(facts["peak_lr"])


def run(command):
    binary = Path(sys.executable).parent
    subprocess.run([str(binary / command[0]), *command[1:]], cwd=ROOT, check=True)


def draw(rows, path):
    """Bars of the test UAR, a row each."""
    figure = Figure(figsize=(8, 0.6 + 0.35 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.barh(list(rows), [values["uar"] for values in rows.values()], color="#3b6ea5")
    for place, values in enumerate(rows.values()):
        axes.text(values["uar"] + 0.01, place, f"{values['uar']:.3f}", va="center", fontsize="small")
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12)
    axes.set_xlabel("UAR on unseen test speakers")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

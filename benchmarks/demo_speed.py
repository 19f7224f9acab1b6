"""The demo's training by two checkouts in turns: seconds, processor seconds and parts of an epoch, same seeds.

    git worktree add ../before COMMIT
    python benchmarks/demo_speed.py --before ../before [--after .] [--root data/demo] [--pairs 3] [--epochs 3]

Each run is a process of its own, `vaer train` on configs/demo.yaml of its checkout with one decoding process and as
many threads as it chooses; the order within a pair changes from pair to pair. Epochs count from the second on: in the
first one libraries are loaded and files are probed. Of every run: seconds from its start to the first epoch, and
medians over epochs of training, validation, saving and the whole. `parts` are processor seconds of
the main process in an epoch's steps; `cpu_s` is what all processes of the run used, user and system. `ratio` is
before by after, the median over pairs: 1.3 says that the later checkout takes 1 / 1.3 of the time. `losses` and `uar`
of both stand side by side. Three pairs of three epochs take five minutes on two idle cores. Writes
benchmarks/results/demo_speed.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
RESULT = HERE / "benchmarks" / "results" / "demo_speed.json"
CHILD = '''
import json, resource, sys, time
started = float(sys.argv[1])
import vaer.cli as cli
arguments = sys.argv[3:]
import vaer.training.run as run, vaer.training.loop as loop, vaer.training.meter as meter
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from vaer.models.network import VAER
parts, spans, began = {}, [], []

def count(owner, name, part):
    inner = getattr(owner, name)
    def timed(*arguments, **options):
        before = time.process_time()
        try:
            return inner(*arguments, **options)
        finally:
            parts[part] = parts.get(part, 0.0) + time.process_time() - before
    setattr(owner, name, timed)

def span(owner, name, part):
    inner = getattr(owner, name)
    def timed(*arguments, **options):
        began.append(time.time() - started)
        before, inside = time.perf_counter(), time.process_time()
        held = dict(parts)
        try:
            return inner(*arguments, **options)
        finally:
            spent = {key: value - held.get(key, 0.0) for key, value in parts.items()} if part == "training" else {}
            spans.append([part, time.perf_counter() - before, time.process_time() - inside, spent])
    setattr(owner, name, timed)

for owner, name, part in ((VAER, "forward", "forward"), (loop, "emotion_loss", "loss"),
                          (Accelerator, "backward", "backward"), (Accelerator, "clip_grad_norm_", "clipping"),
                          (AcceleratedOptimizer, "step", "optimizer"), (AcceleratedOptimizer, "zero_grad", "optimizer"),
                          (meter.Meter, "add", "meter"), (meter.Meter, "close_step", "meter"),
                          (run.Run, "_after_step", "after a step")):
    count(owner, name, part)
span(run, "train_epoch", "training")
span(run.Run, "_validate", "validation")
span(run, "save_last", "saving")
cli.main(["train", *arguments])
import gc; gc.collect()
own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump({"first_epoch_s": began[0], "spans": spans,
           "main_cpu_s": own.ru_utime + own.ru_stime, "peak_mib": own.ru_maxrss / 1024}, open(sys.argv[2], "w"))
'''
WRAPPED = '''
import json, resource, subprocess, sys, time
done = subprocess.run([sys.executable, "-W", "ignore", "-c", sys.argv[1], repr(time.time()), *sys.argv[2:]])
told = json.load(open(sys.argv[2]))
used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of the run and, through it, of its decoding processes
json.dump(told | {"cpu_s": used.ru_utime + used.ru_stime}, open(sys.argv[2], "w"))
sys.exit(done.returncode)
'''


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout")
    parser.add_argument("--after", type=Path, default=HERE, help="another one; none takes this one")
    parser.add_argument("--root", type=Path, default=Path("data/demo"), help="the demo corpus")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="of the twelve, at least two")
    parser.add_argument("--flags", nargs="*", default=[], help="settings of both, say train.batch_size=4")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    sides = {"before": options.before, "after": options.after}
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for pair in range(options.pairs):
        for side in list(sides)[::-1 if pair % 2 else 1]:
            runs[side].append(trained(sides[side], options))
            told = runs[side][-1]
            print(f"pair {pair + 1}, {side:6}: epoch {told['epoch_s']:.2f} s, all processes {told['cpu_s']:.1f} s, "
                  f"loss {told['losses'][-1]:.4f}", flush=True)
    facts = {"command": f"python benchmarks/demo_speed.py {' '.join(arguments or sys.argv[1:])}",
             "commits": {side: told[0]["git_commit"] for side, told in runs.items()}, "cores": os.cpu_count(),
             "pairs": options.pairs, "epochs": options.epochs, "ratio": ratios(runs), "runs": runs}
    options.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for name, ratio in facts["ratio"].items():
        print(f"{name:24} {ratio:5.2f}")


def trained(checkout: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What a run of the demo by a checkout took."""
    with tempfile.TemporaryDirectory() as folder:
        out, run = Path(folder) / "told.json", Path(folder) / "run"
        settings = [f"--{flag}" for flag in options.flags]
        subprocess.run([sys.executable, "-c", WRAPPED, CHILD, str(out),
                        "--config", str(checkout.resolve() / "configs" / "demo.yaml"), "--output", str(run),
                        "--data.root", str(options.root.resolve()), f"--train.stop_epoch={options.epochs}", *settings],
                       check=True, cwd=folder, stdout=subprocess.DEVNULL,
                       env=os.environ | {"PYTHONPATH": str(checkout.resolve())})
        told = json.loads(out.read_text())
        rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        facts = json.loads((run / "run.json").read_text())
    return {"git_commit": facts["git_commit"]} | summed(told, rows)


def summed(told: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians over all epochs but the first."""
    of = {part: [span for span in told["spans"] if span[0] == part][1:] for part in
          ("training", "validation", "saving")}
    wall = {part: statistics.median(span[1] for span in spans) for part, spans in of.items()}
    cpu = {part: statistics.median(span[2] for span in spans) for part, spans in of.items()}
    parts = {name: statistics.median(span[3].get(name, 0.0) for span in of["training"])
             for name in of["training"][0][3]}
    return {"epoch_s": sum(wall.values()), "epoch_main_cpu_s": sum(cpu.values()), "cpu_s": told["cpu_s"],
            "main_cpu_s": told["main_cpu_s"], "first_epoch_s": told["first_epoch_s"], "peak_mib": told["peak_mib"],
            **{f"{part}_s": value for part, value in wall.items()},
            "data_wait_s": statistics.median(row["data_wait"] * row["train_s"] for row in rows[1:]),
            "parts": parts, "losses": [row["loss"] for row in rows], "uar": [row["validation_uar"] for row in rows]}


def ratios(runs: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Before by after of every figure and part, the median over pairs; 0 by 0 is left out."""
    names = [name for name, value in runs["after"][0].items() if isinstance(value, float)]
    pairs = list(zip(runs["before"], runs["after"], strict=True))
    found = {name: statistics.median(one[name] / other[name] for one, other in pairs) for name in names
             if all(other[name] for _, other in pairs)}
    for name in runs["after"][0]["parts"]:
        if all(name in one["parts"] and other["parts"][name] for one, other in pairs):
            found[name] = statistics.median(one["parts"][name] / other["parts"][name] for one, other in pairs)
    return {name: round(ratio, 3) for name, ratio in found.items()}


if __name__ == "__main__":
    main()

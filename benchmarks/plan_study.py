"""How long does it take to plan a study? Rows by seeds on a corpus of 1,440 small files, in a process each.

    python benchmarks/plan_study.py

Writes benchmarks/results/plan_study.json: seconds of the whole command `vaer study STUDY --dry-run`, three calls each,
and those of the processor, which other work beside it hardly changes.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from vaer.runs.provenance import machine_facts

RESULT = Path(__file__).parent / "results" / "plan_study.json"
COMMAND = ("import sys\nfrom vaer.cli import main\nmain(sys.argv[1:])\n"
           "print('torch' in sys.modules, file=sys.stderr)")
ROWS = (10, 100, 300)
SEEDS, SPEAKERS, TAKES, LABELS = 3, 24, 60, 8


def main():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_corpus(root / "corpus")
        rows = [measured(root, count) for count in ROWS]
    facts = machine_facts()
    RESULT.write_text(json.dumps({"clips": SPEAKERS * TAKES, "seeds": SEEDS, "rows": rows,
                                  "load": round(os.getloadavg()[0], 1),
                                  **{name: facts[name] for name in ("command", "git_commit", "machine", "python")}},
                                 indent=1) + "\n")


def write_corpus(root):
    root.mkdir()
    table = ["path,label,speaker"]
    for speaker in range(SPEAKERS):
        for take in range(TAKES):
            (root / f"{speaker}_{take}.mp4").write_bytes(f"{speaker} {take}".encode() * (take + 1))
            table.append(f"{speaker}_{take}.mp4,label{take % LABELS},s{speaker}")
    (root / "table.csv").write_text("\n".join(table) + "\n")


def measured(root, count):
    """Three calls on a study of so many rows, each of which changes four settings."""
    rows = [f"  row {number}: {{model.fusion.kind: concat, model.fusion.dim: {8 * (number + 1)}, train.lr: 1.0e-3, "
            f"train.epochs: {number % 50 + 1}}}" for number in range(count)]
    path = root / f"study{count}.yaml"
    path.write_text(f"base: {{data: {{corpus: csv, root: {root / 'corpus'}, protocol: speakers5}}}}\n"
                    f"seeds: {list(range(SEEDS))}\nrows:\n" + "\n".join(rows) + "\n")
    seconds, processor_s = [], []
    for _ in range(3):
        started, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", COMMAND, "study", str(path), "--dry-run"], check=True,
                              capture_output=True, text=True)
        seconds.append(round(perf_counter() - started, 2))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor_s.append(round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2))
    torch = done.stderr.strip() == "True"
    print(f"{count} rows: {seconds} s, processor {processor_s} s, torch imported: {torch}", flush=True)
    return {"rows": count, "runs": SEEDS * (count + 3), "seconds": seconds, "processor_s": processor_s,
            "torch_imported": torch}


if __name__ == "__main__":
    main()

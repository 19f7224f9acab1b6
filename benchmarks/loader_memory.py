"""Memory of training's data loading over twenty epochs: does anything grow?

    python benchmarks/loader_memory.py --root data/demo

Reads every clip of a demo corpus twenty times as the demo trains on them (configs/demo.yaml), without a network: two
workers that stay, bucketing on. After each epoch the PSS of the main process and of its workers is noted: what they
allocated, where a page that several of them share counts in parts; libraries, which other programs map too, are left
out. The first three epochs warm up: the workers load their decoders, each fills its memory of what it knows of the
files, and malloc its pools. Writes benchmarks/results/loader_memory.json and PNG.
"""

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from figures import APART, save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.config import read_config
from vaer.data.buckets import window_seconds
from vaer.data.corpora import read_corpus
from vaer.data.dataset import Modalities, TrainingClips
from vaer.data.loader import Batches, StepSampler
from vaer.runs.provenance import machine_facts

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "loader_memory.json"
EPOCHS, WARM_UP, WORKERS = 20, 3, 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="data/demo")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    config = dataclasses.replace(read_config(ROOT / "configs" / "demo.yaml").data, root=options.root, bucketing=True)
    classes, items, _ = read_corpus(config)
    sampler = StepSampler(len(items), batch_size=16, accumulation=1, seed=0, rank=0, world=1,
                          seconds=window_seconds(items, config, rank=0, world=1))
    clips = TrainingClips(items, classes, config=config, wanted=Modalities(), seed=0)
    batches = Batches(clips, sampler, num_workers=WORKERS, device=torch.device("cpu"))
    started, memory = perf_counter(), []
    for epoch in range(options.epochs):
        sampler.set_position(epoch)
        assert sum(len(batch.ids) for batch in batches) == len(sampler) * 16
        workers = sorted({process for _, process in batches.busy.tolist()})
        memory.append([pss_mib(process) for process in (os.getpid(), *workers)])
        print(epoch + 1, memory[-1], flush=True)
    facts = machine_facts()
    result = {"command": f"python {' '.join(sys.argv)}", "git_commit": facts["git_commit"], "machine": facts["machine"],
              "clips": len(items), "epochs": options.epochs, "workers": WORKERS, "warm_up_epochs": WARM_UP,
              "clips_per_s": round(options.epochs * len(items) / (perf_counter() - started), 1),
              "pss_mib_of_main_and_workers": memory, "mib_an_epoch_after_warm_up": slopes(memory)}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    draw_again()
    print(json.dumps(result, indent=1))


def pss_mib(process):
    rows = dict(line.split(":", 1) for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:])
    return round(sum(int(rows[kind].split()[0]) for kind in ("Pss_Anon", "Pss_Shmem")) / 1024, 1)


def slopes(memory):
    """What a straight line through each process' epochs after the warm-up climbs, MiB an epoch."""
    after = np.array(memory)[WARM_UP:]
    return [round(float(slope), 3) for slope in np.polyfit(np.arange(len(after)), after, 1)[0]]


def draw_again():
    """The curves of the result as it lies there."""
    memory = np.array(json.loads(RESULT.read_text())["pss_mib_of_main_and_workers"])
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    names = ["main process", *(f"worker {number}" for number in range(1, memory.shape[1]))]
    for name, values, colour, mark in zip(names, memory.T, APART, "osv^DP", strict=False):
        axes.plot(range(1, len(values) + 1), values, marker=mark, markersize=4, color=colour, label=name)
    axes.axvspan(0.5, WARM_UP + 0.5, color="0.9", label="warm-up")
    axes.set(xlabel="epoch", ylabel="PSS, MiB", ylim=(0, 1.1 * memory.max()), xlim=(0.5, len(memory) + 0.5))
    axes.set_xticks(range(1, len(memory) + 1))
    axes.legend()
    save(figure, RESULT)


if __name__ == "__main__":
    main()

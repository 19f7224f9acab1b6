"""Seconds and memory from a corpus of a million clips to the first batch of an epoch, and what workers hold of it.

    python benchmarks/plan_epoch.py

The clips are named and have lengths (log-normal, median 3 s, seed 0), but no files: everything is measured that does
not open one. The manifest and the split (a CSV protocol, nine speakers in ten train) are files of a temporary folder.
The guard, which does open files, is also given --files of random bytes (100 KB, about ten of every size), just written.
Memory is what a forked process has of its own: its private pages. Writes benchmarks/results/plan_epoch.json.
"""

import argparse
import csv
import gc
import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from vaer.config import DataConfig
from vaer.data.buckets import by_length, window_seconds
from vaer.data.dataset import Modalities, TrainingClips
from vaer.data.guard import find_leaks
from vaer.data.loader import StepSampler, ViewSampler
from vaer.data.manifest import with_durations
from vaer.data.packed import PackedItems
from vaer.data.protocols import num_folds, split
from vaer.records import Item, Split
from vaer.runs.provenance import machine_facts

RESULT = Path(__file__).parent / "results" / "plan_epoch.json"
CLASSES = tuple("abcdefgh")
SPEAKERS, BATCH_SIZE = 1_000, 64


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=20_000)
    options = parser.parse_args()
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), options.clips)
        bare = make_items(Path(folder), options.clips)
        items = timed(seconds, "manifest", partial(with_durations, bare, Path(folder)))
        train = plan_split(seconds, items, f"{folder}/split.csv")
        guard_files(seconds, Path(folder), options.files)
    del bare, items
    memory = {"a list": worker_mib(train), "packed": worker_mib(timed(seconds, "packing", lambda: PackedItems(train)))}
    clips = timed(seconds, "clips (packing and labels)",
                  lambda: TrainingClips(train, CLASSES, config=DataConfig(), wanted=Modalities(), seed=0))
    lengths = timed(seconds, "lengths", lambda: window_seconds(train, DataConfig(), rank=0, world=1))
    for world in (1, 8):
        for kind, known in (("by chance", None), ("by length", lengths)):
            time_epoch(seconds, len(clips), world, f"{world} processes, {kind}", known)
    views = ViewSampler(len(clips), views=3, batch_size=BATCH_SIZE, rank=0, world=1)
    timed(seconds, "evaluation, 3 views: first batch", lambda: next(iter(views)))
    facts = machine_facts()
    result = {"command": f"python {' '.join(sys.argv)}", "git_commit": facts["git_commit"], "machine": facts["machine"],
              "python": facts["python"], "cores": os.cpu_count(), "clips": options.clips, "training_clips": len(clips),
              "files": options.files, "batch_size": BATCH_SIZE,
              "seconds": {name: round(value, 2) for name, value in seconds.items()},
              "mib_of_a_worker_that_read_every_item": memory, "padding": padding(lengths)}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def write_files(folder, count):
    durations = np.random.default_rng(0).lognormal(1.1, 0.5, size=count)
    with (folder / "manifest.csv").open("w", newline="") as manifest, (folder / "split.csv").open("w") as protocol:
        rows = csv.writer(manifest)
        rows.writerow(["id", "path", "duration_s", "label", "speaker"])
        protocol.write("id,side\n")
        for number, duration_s in enumerate(durations):
            speaker, label = number % SPEAKERS, CLASSES[number % len(CLASSES)]
            rows.writerow([name(number), f"{name(number)}.mp4", f"{duration_s:.3f}", label, speaker])
            side = {0: "validation", 1: "test"}.get(speaker % 20, "train")
            protocol.write(f"{name(number)},{side}\n")


def name(number):
    return f"speaker{number % SPEAKERS:04d}-clip{number:07d}"


def make_items(folder, count):
    paths = (f"{folder}/{name(number)}.mp4" for number in range(count))
    return [Item(id=name(number), path=path, audio_path=path, label=CLASSES[number % len(CLASSES)],
                 speaker=str(number % SPEAKERS), take=f"take{number:07d}",
                 attributes={"channel": "speech", "repetition": str(number % 2)}) for number, path in enumerate(paths)]


def plan_split(seconds, items, protocol):
    """The training clips, as `read_split` finds them."""
    timed(seconds, "protocol: number of folds", lambda: num_folds(protocol))
    parts = timed(seconds, "protocol: split", lambda: split(items, protocol, 0))
    bare = Split(*([item._replace(path=__file__, audio_path=None) for item in side] for side in parts[:3]), verdict="")
    assert timed(seconds, "guard, without the files", lambda: find_leaks(bare)) == []
    return parts.train


def guard_files(seconds, folder, count):
    rng = np.random.default_rng(0)
    items = []
    for number in range(count):
        path = folder / f"{number}.bin"
        path.write_bytes(rng.bytes(100_000 + int(rng.integers(count // 10))))
        items.append(Item(id=path.stem, path=str(path), audio_path=str(path), label="a", speaker=str(number % 100),
                          take=path.stem))
    items.sort(key=lambda item: int(item.speaker))
    tenth = count // 10
    parts = Split(items[:8 * tenth], items[8 * tenth:9 * tenth], items[9 * tenth:], "")
    assert timed(seconds, f"guard over {count} files", lambda: find_leaks(parts)) == []


def time_epoch(seconds, count, world, what, lengths):
    """Until the first batch and over the whole epoch, of one process."""
    sampler = StepSampler(count, batch_size=BATCH_SIZE, accumulation=1, seed=0, rank=0, world=world, seconds=lengths)
    timed(seconds, f"{what}: first batch", lambda: next(iter(sampler)))
    timed(seconds, f"{what}: all batches", lambda: sum(1 for _ in sampler))


def timed(seconds, what, function):
    started = perf_counter()
    result = function()
    seconds[what] = perf_counter() - started
    return result


def worker_mib(items):
    """What a forked process holds of its own (private pages) after it has read every item once; as it began, too."""
    gc.collect()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        before = private_mib()
        for index in range(len(items)):
            item = items[index]
            assert item.path == item.audio_path
            assert item.duration_s is not None
        os.write(write_end, json.dumps({"at first": before, "after reading": private_mib()}).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        return json.load(pipe)


def private_mib():
    rows = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return round(sum(int(rows[name].split()[0]) for name in ("Private_Clean", "Private_Dirty")) / 1024)


def padding(lengths):
    """Share of padding in the sound of an epoch."""
    shares = {}
    for kind in ("by chance", "by length"):
        rng = np.random.default_rng((0, 0))
        order = rng.permutation(len(lengths))
        if kind == "by length":
            order = by_length(order, lengths, BATCH_SIZE, rng)
        steps = lengths[order[:len(order) // BATCH_SIZE * BATCH_SIZE]].reshape(-1, BATCH_SIZE)
        shares[kind] = round(1 - steps.sum() / (steps.max(axis=1).sum() * BATCH_SIZE), 4)
    return shares


if __name__ == "__main__":
    main()

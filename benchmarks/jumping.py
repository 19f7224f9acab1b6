"""Where does it pay to jump to a window, and where to decode from the start? Every decoder, windows all over a take.

    python benchmarks/jumping.py --raw FOLDER_OF_1280x720 --prepared FOLDER_OF_FACE_CROPS

16 pictures of 224 pixels of a window, milliseconds of processor time. Each repetition goes through all decoders one
after the other; a ratio is how many takes a decoder does while decord does one, the median of the repetitions. Writes
benchmarks/results/jumping.json.
"""

import argparse
import json
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np

from vaer.media.probe import probe
from vaer.media.readers import READERS, Request, is_usable
from vaer.runs.provenance import machine_facts

RESULTS = Path(__file__).parent / "results"

PICTURES, SIZE = 16, 224
BASE = "decord"
WINDOWS = {  # shares of a take's pictures
    "whole": (0.0, 1.0), "first half": (0.0, 0.5), "middle half": (0.25, 0.75), "last half": (0.5, 1.0),
    "last quarter": (0.75, 1.0)}


def main():
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="takes as they were published")
    parser.add_argument("--prepared", type=Path, required=True, help="the same takes as `vaer prepare` writes them")
    parser.add_argument("--takes", type=int, default=2, help="the first so many of each folder")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    facts, rows = machine_facts(), {}
    for kind, folder in (("prepared", options.prepared), ("raw", options.raw)):
        paths = sorted(map(str, folder.rglob("*.mp4")))[:options.takes]
        for window, shares in WINDOWS.items():
            rows[f"{kind}: {window}"] = measure([request(path, *shares) for path in paths], options.repetitions)
            print(kind, window, rows[f"{kind}: {window}"], flush=True)
    found = {"rows": rows, "pictures": PICTURES, "size": SIZE, "takes": options.takes, "machine": facts}
    (RESULTS / "jumping.json").write_text(json.dumps(found, indent=1) + "\n")


def request(path, first, last):
    facts = probe(path)
    scale = SIZE / min(facts.width, facts.height)
    indices = (np.linspace(first, last, PICTURES) * (len(facts.frame_times) - 1)).round().astype(int)
    return Request(path, indices, round(facts.width * scale), round(facts.height * scale))


def measure(requests, repetitions):
    """Milliseconds a take and the ratio to decord of every decoder that is here."""
    seconds = {name: [] for name in READERS if is_usable(name)}
    for repetition in range(repetitions + 1):
        for name, took in seconds.items():
            started = process_time()
            for each in requests:
                READERS[name](each)
            if repetition:  # what is loaded once does not count
                took.append((process_time() - started) / len(requests))
    return {name: {"ms": round(1000 * median(took), 1),
                   "ratio_to_decord": round(median(base / time for base, time in zip(seconds[BASE], took, strict=True)),
                                            2)} for name, took in seconds.items()}


if __name__ == "__main__":
    main()

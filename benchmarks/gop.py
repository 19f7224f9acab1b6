"""How far apart should the key frames of a prepared clip be? Size and decoding time for several distances.

    python benchmarks/gop.py FOLDER_OF_RECORDINGS [--takes 4]

Prepares the first recordings with pictures once for every distance and reads 32 pictures (all over the clip, or in a
row) and 8 pictures of each with decord, which jumps to key frames, seconds of the processor as the median of 9. Writes
benchmarks/results/gop.json.
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from statistics import mean, median
from time import process_time

import numpy as np

from vaer.data.files import files_under
from vaer.media.decoders import read
from vaer.media.probe import probe
from vaer.media.readers import Request
from vaer.prepare.clip import prepare_one
from vaer.prepare.settings import PrepareConfig
from vaer.runs.provenance import machine_facts

RESULTS = Path(__file__).parent / "results"

DISTANCES = (1, 3, 6, 12, 25, 250)
REPETITIONS = 9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--takes", type=int, default=4)
    options = parser.parse_args()
    paths = [path for path in files_under(options.recordings) if path.endswith(".mp4")][:options.takes]
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for gop in DISTANCES:
            settings = dataclasses.asdict(PrepareConfig(gop=gop))
            for number, path in enumerate(paths):
                prepare_one(str(Path(path).parent), Path(path).name, folder, f"{gop}-{number}.mp4", settings)
            clips = [f"{folder}/{gop}-{number}.mp4" for number in range(len(paths))]
            rows[gop] = {"kilobytes": round(mean(Path(clip).stat().st_size for clip in clips) / 1000, 1)} | {
                name: round(1000 * mean(seconds(clip, places) for clip in clips), 2)
                for name, places in (("ms_32_spread", spread(32)), ("ms_8_spread", spread(8)), ("ms_32_in_a_row", row))}
            print(gop, rows[gop], flush=True)
    found = {"rows": rows, "takes": len(paths), "decoder": "decord", "machine": machine_facts()}
    (RESULTS / "gop.json").write_text(json.dumps(found, indent=1) + "\n")


def spread(count):
    return lambda frames: np.linspace(0, frames - 1, count).round().astype(int)


def row(frames):
    return np.arange(frames // 2, frames // 2 + 32).clip(max=frames - 1)


def seconds(clip, places):
    facts = probe(clip)
    request = Request(clip, places(len(facts.frame_times)), facts.width, facts.height)
    took = []
    for _ in range(REPETITIONS):
        started = process_time()
        read(request, "decord")
        took.append(process_time() - started)
    return median(took)


if __name__ == "__main__":
    main()

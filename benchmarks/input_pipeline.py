"""Clips a second that one core decodes: every decoder, vaer.media.media around it, and the whole loader.

    python benchmarks/input_pipeline.py --raw FOLDER_OF_1280x720 [--prepared FOLDER_OF_FACE_CROPS]

A clip is 32 pictures of 224 pixels, spread over the whole take. The process and all it starts are pinned to one core,
and seconds are those of its processor time, the worker's included: other work on a machine comes and goes. For the same
reason each repetition goes through all rows one after the other, and a row's ratio to decord on the raw takes is the
median of the repetitions' ratios. A decoder that is not there is left out. The measuring is done in a process of its
own, where media.py trusts decoders as in a loader's worker; the loader has one worker.
Writes benchmarks/results/input_pipeline.json and .png after each repetition.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import sys
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import av
import numpy as np
from figures import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.config import AugmentConfig, DataConfig
from vaer.media import decoders, media
from vaer.media import probe as probing
from vaer.media.readers import READERS, Request, is_usable
from vaer.records import Item, Window
from vaer.runs.provenance import machine_facts

RESULT = Path(__file__).parent / "results" / "input_pipeline.json"
PICTURES, SIZE = 32, 224
AUGMENT = AugmentConfig(zoom=1.2, brightness=0.3, color=0.1, speed=0.1, gain_db=6.0, noise_db=-30.0)
BASE = "raw: decord"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="takes as they were published")
    parser.add_argument("--prepared", type=Path, help="the same takes as `vaer prepare` writes them")
    parser.add_argument("--takes", type=int, default=4, help="the first so many of each folder")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    measuring = multiprocessing.get_context("spawn").Process(target=measure, args=(options, " ".join(sys.argv)))
    measuring.start()
    measuring.join()
    sys.exit(measuring.exitcode)


def measure(options, command):
    """All rows, interleaved; what is known is written after each repetition."""
    import torch

    torch.set_num_threads(1)
    facts = about(command, options.core)  # before the results change the clone
    folders = {"raw": options.raw} | ({"prepared": options.prepared} if options.prepared else {})
    takes = {kind: sorted(map(str, folder.rglob("*.mp4")))[:options.takes] for kind, folder in folders.items()}
    rows = {}
    for kind, paths in takes.items():  # loaders first: their workers are forked before decord is loaded
        rows[f"{kind}: loader, 1 worker"] = one_pass = partial(load, batches(paths), len(paths))
        one_pass()
    for kind, paths in takes.items():
        rows |= {f"{kind}: {name}": partial(each, row, paths) for name, row in clip_rows().items()}
    for row in rows.values():  # what is loaded or looked up once does not count
        row()
    seconds = {name: [] for name in rows}
    for _ in range(options.repetitions):
        for name, row in rows.items():
            seconds[name].append(row())
        write(seconds, facts | {"takes": {kind: len(paths) for kind, paths in takes.items()}})


def clip_rows():
    """A function of a path for every way to decode a clip that this machine has."""
    usable = [name for name in READERS if is_usable(name)]
    rows = {name: partial(bare, READERS[name]) for name in usable}
    rows |= {f"{name}, last second": partial(bare, READERS[name], last_s=1.0) for name in usable}
    if importlib.util.find_spec("cv2") is not None:
        rows["OpenCV"] = opencv
    return rows | {"decode to null": to_null, "media.py": whole, "media.py, first time": first_time,
                   "media.py with sound": partial(whole, audio=True)}


def bare(reader, path, last_s=None):
    """The reader alone, at the size that media.py asks for; 32 pictures of the whole take or of its last seconds."""
    facts = probing.probe(path)
    scale = SIZE / min(facts.width, facts.height)
    reader(Request(path, wanted(path, last_s), round(facts.width * scale), round(facts.height * scale)))


def wanted(path, last_s=None):
    times = probing.probe(path).frame_times
    first = 0 if last_s is None else np.searchsorted(times, times[-1] - last_s)
    return np.linspace(first, len(times) - 1, PICTURES).round().astype(int)


def opencv(path):
    import cv2

    cv2.setNumThreads(1)
    video = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    facts, indices = probing.probe(path), wanted(path)
    scale = SIZE / min(facts.width, facts.height)
    for number in range(indices[-1] + 1):
        video.grab()
        if number in indices:
            picture = video.retrieve()[1]
            cv2.cvtColor(cv2.resize(picture, (round(facts.width * scale), round(facts.height * scale)),
                                    interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    video.release()


def to_null(path):
    """The limit: every picture decoded on one thread, none converted."""
    with av.open(path) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass


def whole(path, audio=False):
    facts = probing.probe(path)
    times = facts.frame_times[wanted(path)]
    media.decode(item_of(path), Window(0.0, facts.duration_s, times, 1.0), size=SIZE, audio=audio)


def first_time(path):
    probing._probe.cache_clear()
    whole(path)


def item_of(path):
    return Item(id=Path(path).stem, path=path, audio_path=path, label="any", speaker="1", take=Path(path).stem)


def batches(paths):
    """The training loader with augmentation; a pass is one batch of all takes."""
    import torch

    from vaer.data.dataset import Modalities, TrainingClips
    from vaer.data.loader import Batches, StepSampler

    config = DataConfig(num_frames=PICTURES, size=SIZE, num_workers=1, augment=AUGMENT)
    clips = TrainingClips([item_of(path) for path in paths], ("any",), config=config, wanted=Modalities(), seed=0)
    sampler = StepSampler(len(paths), batch_size=len(paths), accumulation=1, seed=0, rank=0, world=1)
    return Batches(clips, sampler, num_workers=1, device=torch.device("cpu"))


def load(loader, clips):
    """Processor seconds a clip of one pass."""
    started = processor_s()
    for _ in loader:
        pass
    return (processor_s() - started) / clips


def each(row, paths):
    """Processor seconds a clip."""
    started = processor_s()
    for path in paths:
        row(path)
    return (processor_s() - started) / len(paths)


def processor_s():
    """What this process and its children have used so far; children are known to a hundredth of a second."""
    ticks = 0
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])  # user and system: fields 14 and 15 of proc(5)
    return process_time() + ticks / os.sysconf("SC_CLK_TCK")


def about(command, core):
    """What a reader needs to judge or repeat the figures."""
    facts = machine_facts()
    versions = facts["versions"]
    if importlib.util.find_spec("cv2") is not None:
        import cv2

        versions["opencv"] = cv2.__version__
    return {"command": f"python {command}", "git_commit": facts["git_commit"], "machine": facts["machine"],
            "core": core, "versions": versions, "pictures": PICTURES, "size": SIZE,
            "decoder_of_media.py": decoders.described("auto")}


def write(seconds, facts):
    rows = {name: {"clips_per_s": round(1 / median(times), 3), "ratio_to_decord": ratio(times, seconds),
                   "seconds": [round(time, 4) for time in times]} for name, times in seconds.items()}
    RESULT.write_text(json.dumps(facts | {"rows": rows}, indent=1) + "\n")
    draw_again()


def ratio(times, seconds):
    """The median over repetitions of how many clips a row does while decord does one; None without decord."""
    pairs = zip(seconds.get(BASE, []), times, strict=False)
    ratios = [base / time for base, time in pairs]
    return round(median(ratios), 3) if ratios else None


def draw_again():
    """Bars of clips a second, a row each, of the result as it lies there."""
    rows = json.loads(RESULT.read_text())["rows"]
    figure = Figure(figsize=(8, 0.6 + 0.35 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    speeds = [values["clips_per_s"] for values in rows.values()]
    axes.barh(list(rows), speeds, color="#3b6ea5")
    for place, values in enumerate(rows.values()):
        text = f"{values['clips_per_s']:.2f}  ({values['ratio_to_decord'] or float('nan'):.2f} x decord, raw)"
        axes.text(values["clips_per_s"], place, f" {text}", va="center", fontsize="small")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.5 * max(speeds))
    axes.set_xlabel("clips of 32 frames in a second of one core")
    save(figure, RESULT)


if __name__ == "__main__":
    main()

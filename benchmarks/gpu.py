"""Everything that only a CUDA card can show, in one command of at most eight minutes on one card of the H200's class.

    python benchmarks/gpu.py [--raw FOLDER_OF_1280x720] [--prepared FOLDER_OF_FACE_CROPS]
    python benchmarks/gpu.py --small        # the whole script on the processor, at a size that measures nothing

Parts, in their order: `matrix`, the bf16 rate of large matrix products; `steps`, clips a second and memory of training
the full network (SlowFast R50 8x8 and wav2vec 2.0 base, 32 frames of 224 pixels, 4 s of sound), with the share of that
rate; `demo`, whether bf16 and fp16 reach a test UAR of 0.90 on the demo; `decoding`, the training loader by
processor and by NVDEC, and how long full-size training waits for each; `epoch`, one of as many prepared clips as
RAVDESS has of speech; `largest`, the largest batch. Every row is written as soon as it is there. When the minutes are
over, the rest is left out and named. Takes are repeated to the number that a row needs, so that files come from memory.
Writes benchmarks/results/gpu.json and prints it as a table; --small goes to gpu_small.json.
"""

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from gpu_steps import (
    FULL,
    SMALL,
    SMALL_FLAGS,
    VARIANTS,
    Size,
    Trainer,
    flops_of_a_clip,
    largest,
    run_steps,
    synchronize,
)

from vaer.config import AugmentConfig, DataConfig
from vaer.cores import usable_cores
from vaer.data.dataset import Modalities, TrainingClips
from vaer.data.loader import Batches, StepSampler
from vaer.demo.render import EMOTIONS, render_corpus
from vaer.errors import UserError
from vaer.media import decoders
from vaer.records import Item
from vaer.runs.provenance import machine_facts

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
BAR = 0.90  # of the demo; three seeds on the processor reach 0.949, 0.969, 0.961
SEED = 0


class OutOfTimeError(Exception):
    """The minutes are over."""


class Bench:
    """What all parts share: sizes, folders, what was measured so far."""

    def __init__(self, size: Size, options: argparse.Namespace, work: Path) -> None:
        self.size, self.options, self.work = size, options, work
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.matrix_rate = self.clip_flops = 0.0
        self.workers = min(size.workers, usable_cores())

    def small(self, *flags: Any) -> tuple[Any, ...]:
        """Flags for --small alone."""
        return (*SMALL_FLAGS, *flags) if self.size is SMALL else ()

    def demo(self) -> Path:
        if not (self.work / "demo").exists():
            render_corpus(self.work / "demo", **self.size.demo)
        return self.work / "demo"

    def raw(self) -> Path:
        """Takes as they were published: in --small those of the demo stand for them."""
        shared = Path(os.environ.get("VAER_SHARED", ROOT.parent / "shared" / "data"))
        found = self.options.raw or (self.demo() if self.size is SMALL else shared / "ravdess_original")
        if not list(found.rglob("*.mp4")):
            raise UserError(f"{found} holds no mp4; name a folder of takes by --raw.")
        return found

    def prepared(self) -> Path:
        if self.options.prepared or self.size is SMALL:
            return self.options.prepared or self.demo()
        if not (self.work / "prepared").exists():
            launch("vaer", "prepare", self.raw(), self.work / "prepared")
        return self.work / "prepared"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a size that a processor does in a minute or two")
    parser.add_argument("--minutes", type=float, default=7.0, help="after which the rest is left out")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS), help="only these")
    parser.add_argument("--raw", type=Path, help="takes of 1280 x 720 as they were published")
    parser.add_argument("--prepared", type=Path, help="the same takes as `vaer prepare` writes them; else it is run")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    options = parser.parse_args(arguments)
    if not options.small and not torch.cuda.is_available():
        parser.error("torch sees no CUDA device; --small runs the script on the processor.")
    options.out = options.out or RESULTS / ("gpu_small.json" if options.small else "gpu.json")
    if options.small:
        torch.set_num_threads(1)  # more wait for each other where a machine is busy
        os.environ["OMP_NUM_THREADS"] = "1"
    facts = about(options)
    rows, left_out = [], [] if torch.cuda.is_available() else [
        "nothing here was measured on a GPU: torch sees none, and these rows show that the script runs, no speed"]
    signal.signal(signal.SIGALRM, out_of_time)
    signal.setitimer(signal.ITIMER_REAL, options.minutes * 60)
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(SMALL if options.small else FULL, options, Path(work))
        try:
            for part in options.parts:
                for row in measured(part, bench):
                    rows.append(row)
                    write(options.out, facts, rows, left_out)
        except OutOfTimeError:
            left_out.append(f"the {options.minutes:g} minutes were over in {part}; after its rows above it has no more")
            left_out += [f"{name}: no time was left" for name in options.parts[options.parts.index(part) + 1:]]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    write(options.out, facts, rows, left_out)
    print(table(rows, left_out))


def out_of_time(*_):
    raise OutOfTimeError


def measured(part, bench):
    """The rows of a part, each with its part and the seconds that it took; what cannot be had is a row that says so."""
    rows, started = PARTS[part](bench), perf_counter()
    while True:
        try:
            name, row = next(rows)
        except StopIteration:
            return
        except (UserError, subprocess.CalledProcessError) as error:
            name, row = "all of it", {"left_out": reason(error)}
        yield {"part": part, "row": name} | row | {"took_s": round(perf_counter() - started, 1)}
        started = perf_counter()


def reason(error):
    """Why something cannot be had, in a line."""
    if isinstance(error, subprocess.CalledProcessError):
        return error.stderr.strip().splitlines()[-1]
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def matrix(bench):
    """The most that the card does of what a network does: the best of five times ten products."""
    side = bench.size.matrix
    one, other = (torch.randn(side, side, device=bench.device, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(6):
        started = perf_counter()
        for _ in range(10):
            one @ other
        synchronize(bench)
        seconds.append(perf_counter() - started)
    bench.matrix_rate = 10 * 2 * side ** 3 / min(seconds[1:])
    yield f"bf16, {side} x {side}", {"tflops": round(bench.matrix_rate / 1e12, 4)}


def steps(bench):
    """Training steps of the full network; the first two of each row, which build and compile, do not count."""
    size = bench.size
    bench.clip_flops = flops_of_a_clip(bench)
    for name, variant in VARIANTS.items():
        try:
            seconds, gib = run_steps(bench, Trainer(bench, *variant), size.batch, size.steps)
        except (UserError, RuntimeError) as error:  # what the compiler cannot, or the card: the other rows still count
            yield name, {"left_out": reason(error)}
            continue
        clips_per_s = size.batch / (sum(seconds[2:]) / len(seconds[2:]))
        yield name, {"batch": size.batch, "clips_per_s": round(clips_per_s, 2), "peak_gib": gib,
                     "first_steps_s": [round(value, 2) for value in seconds[:2]],
                     **share_of_rate(bench, clips_per_s)}


def share_of_rate(bench, clips_per_s):
    """Of the bf16 rate of matrix products: operations of forward and backward alone, none that checkpoints repeat."""
    if not bench.matrix_rate or not bench.clip_flops:
        return {}
    return {"gflops_a_clip": round(bench.clip_flops / 1e9, 1),
            "share_of_matrix_rate": round(bench.clip_flops * clips_per_s / bench.matrix_rate, 4)}


def largest_batches(bench):
    """The largest batch with and without checkpointing, and the clips a second at it."""
    for name, checkpointing in (("bf16", False), ("bf16, checkpointing", True)):
        trainer, speeds = Trainer(bench, "bf16", checkpointing, False), {}

        def fits(clips, trainer=trainer, speeds=speeds):
            try:
                seconds, gib = run_steps(bench, trainer, clips, 1)
            except RuntimeError as error:  # no memory, or tensors beyond the limits of cuDNN
                trainer.optimizer.zero_grad()
                speeds["ends_by"] = reason(error)
                return False
            speeds.update(clips_per_s=round(clips / seconds[-1], 2), peak_gib=gib)
            return True

        found = largest(fits, bench.size.batch, bench.size.most)
        yield name, {"largest_batch": found, **({"at_least": True} if found == bench.size.most else {}), **speeds}


def demo(bench):
    """The demo trained and scored as a user would, in each reduced precision."""
    root = bench.demo()
    for precision in ("bf16", "fp16"):
        run = bench.work / f"demo_{precision}"
        try:
            launch("train.py", "--config", ROOT / "configs/demo.yaml", "--data.root", root, "--output", run,
                   "--train.mixed_precision", precision, "--data.num_workers", max(1, bench.workers - 2),
                   *bench.small("--data.protocol", "speakers3", "--train.epochs", 1))
            launch("evaluate.py", run)
        except subprocess.CalledProcessError as error:
            yield precision, {"left_out": reason(error)}
            continue
        uar = json.loads((run / "metrics.json").read_text())["uar"]
        bar = {} if bench.size is SMALL else {"bar": BAR, "reaches_it": uar >= BAR}
        yield precision, {"uar": round(uar, 4), **bar, **logged(run)}


def decoding(bench):
    """Clips a second of the training loader with nothing behind it, then with the full network behind it."""
    roads = {f"processor, {bench.workers} workers": ("cpu", "auto", bench.workers),
             "NVDEC by torchcodec": ("cuda", "torchcodec", min(4, bench.workers)),
             "NVDEC by decord": ("cuda", "decord", min(4, bench.workers))}
    for kind in ("raw", "prepared"):
        paths = sorted(map(str, getattr(bench, kind)().rglob("*.mp4")))
        for road, (device, decoder, workers) in roads.items():
            try:
                decoders.chosen(decoder, device)
            except UserError as error:
                yield f"{kind}, {road}", {"left_out": reason(error)}
                continue
            yield f"{kind}, {road}", loaded(bench, paths, device, decoder, workers)
            yield f"{kind}, {road}, training", waited(bench, paths, device, decoder, workers)


def loaded(bench, paths, device, decoder, workers):
    """The loader alone: batches of four, so that all its processes work throughout; a round before does not count."""
    rows = bench.size.rounds * workers
    batches, sampler = loader(bench, paths, 4, rows, device, decoder, workers)
    sampler.set_position(0, sampler.steps - workers)
    list(batches)
    sampler.set_position(1)
    started = perf_counter()
    clips = sum(len(batch.ids) for batch in batches)
    return {"workers": workers, "clips": clips, "clips_per_s": round(clips / (perf_counter() - started), 2)}


def waited(bench, paths, device, decoder, workers):
    """Full-size training on what the loader gives; a round of its processes does not count."""
    size, rounds = bench.size, max(2, bench.size.rounds // 2)
    batches, _ = loader(bench, paths, size.batch, rounds * workers, device, decoder, workers)
    trainer, marks = Trainer(bench, "bf16", False, False), []

    def after_step(_):
        synchronize(bench)
        marks.append((perf_counter(), batches.waited_s))

    trainer.learn(batches, after_step)
    (start_s, before_s), (end_s, after_s) = marks[workers - 1], marks[-1]
    clips = (len(marks) - workers) * size.batch
    return {"workers": workers, "clips": clips, "clips_per_s": round(clips / (end_s - start_s), 2),
            "data_wait": round((after_s - before_s) / (end_s - start_s), 4)}


def loader(bench, paths, batch, number, device, decoder, workers):
    """`number` training batches of takes that are repeated, whole and augmented as in configs/ravdess.yaml."""
    size = bench.size
    config = DataConfig(num_frames=size.frames, size=size.pixels, num_workers=workers, decode_device=device,
                        decoder=decoder, augment=AugmentConfig(zoom=1.15, brightness=0.2, gain_db=6))
    items = [Item(id=str(place), path=path, audio_path=path, label="any", speaker="1", take=str(place))
             for place, path in zip(range(batch * number), itertools.cycle(paths), strict=False)]
    clips = TrainingClips(items, ("any",), config=config, wanted=Modalities(), seed=SEED)
    sampler = StepSampler(len(items), batch_size=batch, accumulation=1, seed=SEED, rank=0, world=1)
    return Batches(clips, sampler, num_workers=workers, device=bench.device), sampler


def epoch(bench):
    """One epoch by the command that a user gives, start and first batches included."""
    size, root = bench.size, bench.work / "ravdess"
    root.mkdir()
    paths = itertools.cycle(sorted(bench.prepared().rglob("*.mp4")))
    lines = ["path,label,speaker"]
    for number, path in zip(range(size.epoch), paths, strict=False):
        (root / f"{number}.mp4").symlink_to(path.resolve())
        lines.append(f"{number}.mp4,{EMOTIONS[number % 8]},{number % 24}")
    (root / "table.csv").write_text("\n".join(lines) + "\n")
    started = perf_counter()
    launch("train.py", "--config", ROOT / "configs/ravdess.yaml", "--data.corpus", "csv", "--data.root", root,
           "--data.protocol", "all_train", "--train.epochs", 1, "--train.mixed_precision", "bf16", "--output",
           bench.work / "epoch", "--data.num_workers", bench.workers, *bench.small())
    yield f"{size.epoch} prepared clips", logged(bench.work / "epoch") | {
        "command_s": round(perf_counter() - started, 1)}


def logged(run):
    """The last epoch of a run."""
    row = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    return {"epoch_s": round(row["train_s"], 2), "clips_per_s": round(row["clips_per_s"], 2),
            "data_wait": round(row["data_wait"], 4)}


def launch(script, *arguments):
    """Run a command of vaer; its last words are kept where it fails."""
    command = ["-m", "vaer.cli"] if script == "vaer" else [str(ROOT / script)]
    subprocess.run([sys.executable, *command, *map(str, arguments)], check=True, text=True, capture_output=True,
                   cwd=ROOT)


def about(options):
    facts = machine_facts()
    card = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    return {"command": f"python {' '.join(sys.argv)}", "seed": SEED, "small": options.small,
            "git_commit": facts["git_commit"], "machine": facts["machine"], "cores": usable_cores(),
            "versions": facts["versions"], "cuda": torch.version.cuda if card else None, "gpu": facts["gpu"],
            "gpu_gib": card and round(card.total_memory / 2**30, 1)}


def write(path, facts, rows, left_out):
    path.write_text(json.dumps(facts | {"not_measured": left_out + [
        f"{row['part']}, {row['row']}: {row['left_out']}" for row in rows if "left_out" in row],
        "rows": rows}, indent=1) + "\n")


def table(rows, left_out):
    """What was measured, a line a row, then what was not."""
    lines = []
    for row in rows:
        values = {name: value for name, value in row.items() if name not in ("part", "row", "took_s")}
        lines.append(f"{row['part']:9} {row['row']:32} " + "  ".join(f"{name} {value}"
                                                                     for name, value in values.items()))
    return "\n".join(lines + [f"not measured: {line}" for line in left_out])


PARTS: dict[str, Any] = {"matrix": matrix, "steps": steps, "demo": demo, "decoding": decoding, "epoch": epoch,
                         "largest": largest_batches}
if __name__ == "__main__":
    main()

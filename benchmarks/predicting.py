"""Is what `vaer predict` says right, whole after interruptions, and in bounded memory?

    python benchmarks/predicting.py RUN RAW [--parts agree batches interrupted many long films] [--films FOLDER]

RUN is a trained and evaluated run of the demo corpus, RAW the corpus as `vaer demo` rendered it; where RUN learned from
clips that `vaer prepare` made, part agree gives it those and the unprepared ones. Each part writes its share of
benchmarks/results/predicting/NAME.json, NAME the name of the run:

agree        32 test clips: the largest difference to their rows in predictions.csv; the prepared run on 30 raw clips
batches      a film of 40 clips with cuts: by how much batch sizes 1, 5, 16 and another step change a window's answer
interrupted  the same film, killed at ten moments drawn by chance and begun again: the same bytes?
many         200 files, ten damaged in different ways: how many are answered, how many named
long         a film of 30 minutes, 640 x 360: memory of the process over time, as a curve (long.png)
films        every film of --films: seconds it took over its length, memory, windows, tracks
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
from figures import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vaer.inference.predictor import load
from vaer.renderings.timeline import Timeline
from vaer.runs.folder import RunFolder
from vaer.runs.provenance import machine_facts

RESULTS = Path(__file__).parent / "results" / "predicting"
PREDICT = [sys.executable, "-c", "from vaer.cli import main; main()", "predict"]
SEED = 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--parts", nargs="+", default=["agree", "batches", "interrupted", "many", "long"],
                        choices=[*PARTS])
    parser.add_argument("--films", type=Path)
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.run.name}.json"
    found = json.loads(path.read_text()) if path.is_file() else {}
    for name in options.parts:
        with tempfile.TemporaryDirectory() as work:
            facts = machine_facts()
            found[name] = {"command": f"python {' '.join(sys.argv)}", "seed": SEED, "git_commit": facts["git_commit"],
                           "machine": facts["machine"], **PARTS[name](options, Path(work))}
        path.write_text(json.dumps(found, indent=1) + "\n")
        print(name, json.dumps(found[name], indent=1), flush=True)


def agree(options, work):
    """Differences of probabilities to predictions.csv."""
    rows = pd.read_csv(options.run / "predictions.csv", dtype={"speaker": str, "label": str}).head(32)
    predictor = load(options.run)
    root = Path(RunFolder(options.run).settings().data.root)
    result = {"clips": len(rows), "largest_difference": largest(predictor, rows.path, rows)}
    if root.resolve() != options.raw.resolve():
        rows = rows.head(30)
        result |= {"raw_clips": len(rows), "largest_difference_raw":
                   largest(predictor, [options.raw / Path(path).relative_to(root) for path in rows.path], rows)}
    return result


def largest(predictor, paths, rows):
    names = [f"p_{name}" if f"p_{name}" in rows else name for name in predictor.classes]
    means = [timeline.mean["probabilities"] for timeline in predictor(list(map(str, paths)))]
    answers = np.array([[mean[name] for name in predictor.classes] for mean in means])
    return float(np.abs(answers - rows[names].to_numpy()).max())


def batches(options, work):
    """Differences between batch sizes, over every window of a film."""
    film = join(clips_of(options.raw, 40), work / "film.mp4")
    answers = {size: values(load(options.run, step_s=0.5, batch_size=size)(film)) for size in (16, 1, 5)}
    steps = [{(row["start_s"], row["end_s"], row["track"]): row["probabilities"] for row in load(
        options.run, step_s=step_s)(film).windows if row["probabilities"]} for step_s in (0.5, 1.0)]
    shared = sorted(set(steps[0]) & set(steps[1]))
    return {"windows": len(answers[16]), "largest_difference_batch_1": gap(answers[16], answers[1]),
            "largest_difference_batch_5": gap(answers[16], answers[5]), "windows_of_both_steps": len(shared),
            "largest_difference_step": gap(*([list(step[key].values()) for key in shared] for step in steps))}


def values(timeline):
    return [list(row["probabilities"].values()) for row in timeline.windows if row["probabilities"]]


def gap(one, other):
    return float(np.abs(np.array(one) - np.array(other)).max())


def interrupted(options, work):
    """Kill at moments drawn by chance, begin again; compare the JSON byte for byte."""
    film = join(clips_of(options.raw, 120), work / "film.mp4")
    command = [*PREDICT, str(options.run), str(film), "--step_s", "0.25", "--out"]
    started = time.perf_counter()
    subprocess.run([*command, str(work / "calm")], check=True, capture_output=True)
    took = time.perf_counter() - started
    calm, draw, kills, same = (work / "calm" / "film.mp4.json").read_bytes(), random.Random(SEED), [], []
    while len(kills) < 10 or not same:
        process = subprocess.Popen([*command, str(work / "killed")], stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        wait = draw.uniform(0, took / 2) if len(kills) < 10 else None
        try:
            process.wait(wait)
            same.append((work / "killed" / "film.mp4.json").read_bytes() == calm)
            shutil.rmtree(work / "killed")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills.append(round(wait, 2))
    return {"windows": len(Timeline(json.loads(calm)).windows), "undisturbed_s": round(took, 1),
            "killed_after_s": kills, "ended_with_the_same_bytes": same}


def many(options, work):
    """Two hundred files, ten of them damaged."""
    folder, clips = work / "files", sorted(options.raw.rglob("*.mp4"))[:200]
    folder.mkdir()
    for number, clip in enumerate(clips):
        content = clip.read_bytes()
        damage = [content[: len(content) // 2], content[:100], b"", b"no film", content[:-2000],
                  content[1000:], content[: len(content) * 9 // 10], bytes(len(content)),
                  content.replace(b"moov", b"void"), content[: len(content) // 3]]
        (folder / f"{number:03d}.mp4").write_bytes(damage[number // 20] if number % 20 == 7 else content)
    ended = subprocess.run([*PREDICT, str(options.run), str(folder), "--out", str(work / "out")], capture_output=True,
                           text=True)
    named = {line.split(".mp4")[0][-3:] for line in ended.stderr.splitlines() if "vaer: " in line and "/files/" in line}
    return {"files": len(clips), "answered": len(list((work / "out").rglob("*.mp4.json"))), "damaged": 10,
            "named": len(named), "named_are_the_damaged": named == {f"{number:03d}" for number in range(7, 200, 20)},
            "exit_status": ended.returncode}


def long(options, work):
    """Half an hour in one file, and what the process holds meanwhile."""
    clips = sorted(options.raw.rglob("*.mp4"))  # those of a speaker together: shots of a minute
    film = join(clips, work / "film.mp4", seconds=1800, size=(640, 360), rate=10)
    curve, took = measured([*PREDICT, str(options.run), str(film), "--out", str(work / "out")])
    timeline = Timeline.read(work / "out" / "film.mp4.json")
    draw_curve(curve, took, RESULTS / f"long_{options.run.name}.png")
    thirds = np.array_split(np.array([mib for _, mib in curve]), 3)
    return {"seconds": timeline.content["recording"]["duration_s"], "shots": len(timeline.content["shots"]),
            "windows": len(timeline.windows), "took_s": round(took, 1), "peak_mib": max(mib for _, mib in curve),
            "median_mib_of_thirds": [float(np.median(part)) for part in thirds]}


def films(options, work):
    """Each film by itself."""
    rows = {}
    for film in sorted(path for path in options.films.iterdir() if path.suffix != ".csv"):
        curve, took = measured([*PREDICT, str(options.run), str(film), "--out", str(work / "out")])
        timeline = Timeline.read(work / "out" / f"{film.name}.json")
        length = timeline.content["recording"]["duration_s"]
        sums = [sum(row) for row in values(timeline)]
        rows[film.name] = {"seconds": length, "took_over_length": round(took / length, 2),
                           "peak_mib": max(mib for _, mib in curve), "shots": len(timeline.content["shots"]),
                           "windows": len(timeline.windows), "tracks": [row["track"] for row in timeline.tracks],
                           "faces": sorted({row["face"] for row in timeline.windows}),
                           "voices": sorted({row["voice"] for row in timeline.windows}),
                           "furthest_sum_from_1": max((abs(total - 1) for total in sums), default=None)}
    return {"films": rows}


def measured(command):
    """Run it; what it held, (seconds since it began, MiB of resident memory), and how long it took."""
    started, curve = time.perf_counter(), []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        held = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        if held:
            curve.append((round(time.perf_counter() - started, 1), int(held[0].split()[1]) // 1024))
        time.sleep(0.5)
    assert process.returncode == 0, process.stderr.read()
    return curve, time.perf_counter() - started


def draw_curve(curve, took, path):
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot([100 * second / took for second, _ in curve], [mib / 1024 for _, mib in curve], color="black")
    axes.axhline(1.5, color="black", linestyle=":", linewidth=1)
    axes.set(ylim=(0, 1.7), xlim=(0, 100), xlabel="share of the file that is done (%)", ylabel="resident memory (GiB)",
             title="vaer predict, a file of 30 minutes (dotted: 1.5 GiB)")
    save(figure, path)


def clips_of(raw, count):
    """Clips of the corpus in an order drawn by chance."""
    return random.Random(SEED).sample(sorted(raw.rglob("*.mp4")), count)


def join(clips, path, *, seconds=None, size=None, rate=25):
    """One file of the clips, one after the other with hard cuts; `size` and `rate` of the frames, at most `seconds`."""
    with av.open(str(path), "w") as target:
        video, audio = target.add_stream("libx264", rate=rate), None
        video.pix_fmt, video.options = "yuv420p", {"crf": "23", "preset": "veryfast"}
        frames, samples, clip = 0, 0, 0
        while clip < len(clips) and (seconds is None or frames < seconds * rate):
            pictures, waveform = read(clips[clip])
            if audio is None:
                audio = target.add_stream("flac", rate=16_000, layout="mono")
                video.width, video.height = width, height = size or (pictures[0].width, pictures[0].height)
            for picture in pictures[:: 25 // rate] if rate < 25 else pictures:
                frame = picture.reformat(width, height, "yuv420p")
                frame.pts, frame.time_base = frames, Fraction(1, rate)
                target.mux(video.encode(frame))
                frames += 1
            wanted = round(frames / rate * 16_000) - samples
            piece = np.zeros((1, wanted), np.int16)
            piece[0, : min(wanted, len(waveform))] = waveform[:wanted]
            sound = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = 16_000, samples, Fraction(1, 16_000)
            target.mux(audio.encode(sound))
            samples, clip = samples + wanted, clip + 1
        target.mux(video.encode())
        target.mux(audio.encode())
    return path


def read(path):
    """The frames and the 16 kHz waveform, int16, of a clip."""
    with av.open(str(path)) as source:
        resampler = av.AudioResampler("s16", "mono", 16_000)
        pictures, pieces = [], []
        for frame in source.decode(video=0, audio=0):
            if isinstance(frame, av.VideoFrame):
                pictures.append(frame)
            else:
                pieces += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return pictures, np.concatenate(pieces)


PARTS = {"agree": agree, "batches": batches, "interrupted": interrupted, "many": many, "long": long, "films": films}

if __name__ == "__main__":
    main()

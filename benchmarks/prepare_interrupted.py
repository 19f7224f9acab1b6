"""Does a preparation that is killed again and again end like an undisturbed one, here and on a cluster?

    python benchmarks/prepare_interrupted.py [--work FOLDER]

Renders 1,024 demo clips (32 speakers) into FOLDER (default data/interrupted), then prepares them four times: once
undisturbed; once killed at random moments, with all its processes, and started again until it ends; once on a Dask
cluster of two workers, one of which is killed on the way; and once more on top of the first, which must do nothing.
Every file but the pictures of the report is compared by its bytes. Writes benchmarks/results/prepare_interrupted.json.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from vaer.demo.render import render_corpus
from vaer.runs.provenance import machine_facts

RESULTS = Path(__file__).parent / "results"

PREPARE = [sys.executable, "-c", "from vaer.cli import main; main()", "prepare"]
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PORT = "38786"
KILLS, SEED = 8, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("data/interrupted"))
    work = parser.parse_args().work
    source = work / "demo"
    render_corpus(source, speakers=32)
    found = {"clips": sum(1 for _ in source.rglob("*.mp4"))}
    for name in ("calm", "killed", "cluster"):
        shutil.rmtree(work / name, ignore_errors=True)
    found["undisturbed_s"] = undisturbed(source, work / "calm")
    calm = contents(work / "calm")
    found["kills"], found["killed_s"] = killed(source, work / "killed")
    found["killed_is_identical"] = contents(work / "killed") == calm
    found["cluster_s"], found["done_before_the_worker_was_killed"] = on_cluster(source, work / "cluster")
    found["cluster_is_identical"] = contents(work / "cluster") == calm
    dates = {path: path.stat().st_mtime_ns for path in (work / "calm").rglob("*.mp4")}
    found["second_time_s"] = undisturbed(source, work / "calm")
    found["second_time_wrote"] = sum(path.stat().st_mtime_ns != date for path, date in dates.items())
    found |= {"files_compared": len(calm), "seed": SEED, "machine": machine_facts()}
    (RESULTS / "prepare_interrupted.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def undisturbed(source, target):
    started = time.perf_counter()
    subprocess.run([*PREPARE, str(source), str(target)], check=True, **QUIET)
    return round(time.perf_counter() - started, 1)


def killed(source, target):
    """Kill at random moments after work has begun, `KILLS` times; then let it end."""
    draw, kills, started = random.Random(SEED), 0, time.perf_counter()
    while kills < KILLS:
        run = subprocess.Popen([*PREPARE, str(source), str(target)], start_new_session=True, **QUIET)
        goal = lines_of(target) + draw.randint(1, 150)
        while run.poll() is None and lines_of(target) < goal:
            time.sleep(0.02)
        if run.poll() is not None:
            break
        time.sleep(draw.uniform(0, 0.2))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        kills += 1
    undisturbed(source, target)
    return kills, round(time.perf_counter() - started, 1)


def on_cluster(source, target):
    """With two workers, until one of them is killed in the middle of the work."""
    address, started = f"tcp://127.0.0.1:{PORT}", time.perf_counter()
    dask = [sys.executable, "-m", "distributed.cli."]
    services = [start([*dask[:2], dask[2] + "dask_scheduler", "--host", "127.0.0.1", "--port", PORT, "--no-dashboard"])]
    services += [start([*dask[:2], dask[2] + "dask_worker", address, "--nthreads", "1", "--no-dashboard"])
                 for _ in range(2)]
    try:
        run = subprocess.Popen([*PREPARE, str(source), str(target), "--scheduler", address], **QUIET)
        while run.poll() is None and lines_of(target) < 300:
            time.sleep(0.05)
        done = lines_of(target)
        os.killpg(services[1].pid, signal.SIGKILL)
        if run.wait() != 0:
            raise SystemExit("the preparation on the cluster failed")
        return round(time.perf_counter() - started, 1), done
    finally:
        for service in services:
            if service.poll() is None:
                os.killpg(service.pid, signal.SIGKILL)
            service.wait()


def start(command):
    return subprocess.Popen(command, start_new_session=True, **QUIET)


def lines_of(target):
    journal = target / "manifest.part.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def contents(root):
    """The digest of every file; PNG files hold no clip, and their pictures are those of the clips."""
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*") if path.is_file() and path.suffix != ".png"}


if __name__ == "__main__":
    main()

"""The commands of the README, from a folder of clips to a score, each in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from makers import shared, tone, write_video

ROOT = Path(__file__).parents[1]
TINY = ["--data.corpus", "ravdess", "--data.num_frames", "8", "--data.size", "32", "--data.num_workers", "0",
        "--data.augment.flip", "0", "--model.video.preset", "tiny", "--model.video.dropout", "0",
        "--model.audio.preset", "tiny", "--model.audio.dim", "32", "--model.audio.layers", "1",
        "--model.audio.dropout", "0", "--model.fusion.dim", "32", "--model.fusion.dropout", "0"]


def start(script, *arguments, **options):
    env = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, str(ROOT / script), *map(str, arguments)], env=env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def finish(process, status=0):
    out, err = process.communicate(timeout=200)
    assert process.returncode == status, err[-3000:]
    return out, err


def losses(run):
    return [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]


def progress(run):
    """Epochs that are done."""
    return len(losses(run)) if (run / "log.jsonl").exists() else 0


@pytest.fixture(scope="module")
def two_clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("two clips \u00e9")
    for emotion, hertz, frames in (("03", 300, 8), ("05", 900, 12)):
        write_video(root / f"01-01-{emotion}-01-01-01-01.mp4", frames=frames, size=(48, 32),
                    sound=tone(0.8, 44_100, hertz)[None], rate=44_100)
    return root


def test_two_clips_are_learned_by_heart(two_clips, tmp_path):
    out, _ = finish(start("train.py", "--data.root", two_clips, "--output", tmp_path / "run", *TINY,
                          "--data.protocol", "all_train", "--train.epochs", 25, "--train.batch_size", 2,
                          "--train.lr", "3e-3", "--train.video_loss", 0, "--train.audio_loss", 0))
    assert losses(tmp_path / "run")[-1] < 0.05
    assert out.endswith(f"nobody is tested; ask the network about files: vaer predict {tmp_path / 'run'} FILE\n")


@pytest.mark.slow
def test_signals_to_the_whole_group_save_and_the_same_command_goes_on(two_clips, tmp_path):
    command = ["--data.root", two_clips, "--output", tmp_path / "run", *TINY, "--train.epochs", 20, "--train.resume",
               "true", "--data.protocol", "all_train", "--train.batch_size", 2, "--data.num_workers", 1]
    done = 0
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C in a terminal, and what a scheduler sends
        process = start("train.py", *command, start_new_session=True)
        deadline = time.monotonic() + 120
        while progress(tmp_path / "run") <= done and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(process.pid, number)
        _, err = finish(process, status=1)
        assert "vaer: Interrupted at step" in err
        assert "Traceback" not in err
        before, done = done, progress(tmp_path / "run")
        assert before < done < 20
    finish(start("train.py", *command))
    assert progress(tmp_path / "run") == 20


@pytest.mark.slow
def test_of_several_commands_at_once_one_trains(two_clips, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "run")
    command = [*TINY, "--data.root", two_clips, "--train.epochs", 2, "--data.protocol", "all_train",
               "--train.batch_size", 2]
    running = [start("train.py", *command, "--seed", seed, "--output", tmp_path / name)
               for seed, name in enumerate(("run", "link"))]
    ended = [(process.communicate(timeout=200)[1], process.returncode) for process in running]
    assert sorted(status for _, status in ended) == [0, 2], ended
    for err, status in ended:
        assert status == 0 or re.search(r"\nvaer: \S+: (process \d+ on|holds a run already).*\n$", f"\n{err}")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["finished"]
    assert ended[facts["seed"]][1] == 0
    assert {"best", "last"} <= {path.name for path in (tmp_path / "run").iterdir()}
    assert len(losses(tmp_path / "run")) == 2


def test_the_launched_command_says_one_sentence_of_an_error_and_nothing_else(tmp_path):
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--quiet", "--config_file",
                str(ROOT / "configs/accelerate/cpu.yaml"), "--num_cpu_threads_per_process", "2"]
    done = subprocess.run([*launcher, str(ROOT / "train.py"), "--config", "nope.yaml"], cwd=tmp_path,
                          capture_output=True, text=True, check=False, timeout=200)
    assert re.fullmatch(r"vaer: --config nope\.yaml: there is no such file; name a YAML file of settings or one of the "
                        r"recipes demo, fer2013, [a-z_, ]+\.\n", done.stderr)
    assert done.returncode != 0


@pytest.mark.slow
def test_a_launcher_for_gpus_trains_nothing_twice_without_one(two_clips, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--quiet", "--num_processes", "2",
                "--config_file", str(ROOT / "configs" / "accelerate" / "many_gpus.yaml")]
    done = subprocess.run([*launcher, str(ROOT / "train.py"), *TINY, "--data.root", str(two_clips), "--output",
                           str(tmp_path / "run")], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True,
                          text=True, timeout=200, check=False)
    assert done.returncode != 0
    assert "vaer: WORLD_SIZE is 2, and accelerate joins 1 process: 2 runs would work side by side" in done.stderr
    assert "ACCELERATE_USE_CPU=true" in done.stderr
    assert not (tmp_path / "run").exists()


def test_evaluate_scores_what_train_made(two_clips, tmp_path):
    second = tmp_path / "corpus"
    second.mkdir()
    for path in two_clips.iterdir():
        (second / path.name).symlink_to(path)
        (second / path.name.replace("-01-01.mp4", "-02-01.mp4")).symlink_to(path)
    finish(start("train.py", "--data.root", second, "--output", tmp_path / "run", *TINY, "--train.epochs", 1,
                 "--data.protocol", "repetition", "--train.batch_size", 2, "--data.lift_guard", "true"))
    out, _ = finish(start("evaluate.py", tmp_path / "run", "--num_workers", 0))
    assert "UAR" in out
    assert "GUARD LIFTED, takes" not in out  # the names of the takes differ, their bytes do not
    assert "GUARD LIFTED, the same bytes are in" in out
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert np.sum(metrics["confusion"]) == 2
    assert (tmp_path / "run" / "confusion.png").stat().st_size > 1000


def test_a_user_mistake_shows_no_traceback(tmp_path):
    _, err = finish(start("train.py", "--data.root", tmp_path / "nowhere", "--output", tmp_path / "run"), status=2)
    assert err.count("\n") == 1
    assert "nowhere" in err


@pytest.mark.slow
def test_four_real_originals_are_learned_by_heart(tmp_path):
    root = shared("ravdess_original")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for path in root.glob("Actor_01/01-*.mp4"):
        (corpus / path.name).symlink_to(path)
    finish(start("train.py", "--data.root", corpus, "--output", tmp_path / "run", *TINY, "--train.epochs", 12,
                 "--data.protocol", "all_train", "--train.batch_size", 4, "--train.lr", "1e-2", "--train.video_loss", 0,
                 "--train.audio_loss", 0))
    assert losses(tmp_path / "run")[-1] < 0.05  # the fused cross-entropy alone

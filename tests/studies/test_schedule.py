import json

import pytest
from study_makers import write_study

from vaer.atomic_files import write_facts
from vaer.studies import schedule
from vaer.studies.folder import StudyRun, Work
from vaer.studies.plan import plan
from vaer.studies.run import record_plan
from vaer.studies.schedule import OWN, ROW, UNKNOWN, describe_seconds, slots, time_left


@pytest.fixture
def made(tmp_path):
    found = plan(write_study(tmp_path, "seeds: [0, 1]\n", epochs=10), str(tmp_path / "out"))
    record_plan(found)
    return found


def folder_of(made, row, seed):
    return StudyRun(made.runs[made.rows[row].runs[(0, seed)]].folder.path)


def epochs(folder, count, seconds, *, finished=False):
    folder.run.config_path.write_text("seed: 0\n")
    folder.run.log_path.write_text("".join(json.dumps({"train_s": seconds}) + "\n" for _ in range(count)))
    write_facts(folder.run.facts_path, {"finished": finished, "epochs": count})


def test_time_is_that_of_epochs_of_the_run_or_of_its_row(made):
    epochs(folder_of(made, "whole network", 0), 4, 20.0)
    left = {made.described(key): one for key, one in time_left(made).items()}
    assert left["whole network, fold 0, seed 0"] == (6 * 20.0, OWN)
    assert left["whole network, fold 0, seed 1"] == (10 * 20.0, ROW)
    assert left["face alone, fold 0, seed 0"] == (None, UNKNOWN)


def test_a_finished_run_tells_what_runs_take_beside_their_epochs(made):
    done = folder_of(made, "face alone", 0)
    epochs(done, 10, 6.0, finished=True)
    done.worked(Work("train", 90.0, 2**30, 10))  # 90 s for 60 s of epochs
    left = {made.described(key): one for key, one in time_left(made).items()}
    assert left["face alone, fold 0, seed 0"].seconds == 0
    assert left["face alone, fold 0, seed 1"].seconds == pytest.approx(10 * 6.0 * 1.5)


@pytest.mark.parametrize(("cores", "free", "gpus", "jobs"), [
    (8, 64, [], 6),  # of six runs, each takes a core: no process decodes for it
    (4, 64, [], 4), (1, 64, [], 1), (8, 9, [], 2),  # 4 GiB for each before any was measured
    (8, 1, [], 1), (16, 64, ["0", "1"], 2)])
def test_runs_at_once_by_cores_memory_and_gpus(made, monkeypatch, cores, free, gpus, jobs):
    monkeypatch.setattr(schedule, "usable_cores", lambda: cores)
    monkeypatch.setattr(schedule, "free_bytes", lambda: free * 2**30)
    monkeypatch.setattr(schedule, "visible_gpus", lambda: gpus)
    found = slots(made, None, None)
    assert (found.jobs, found.threads, found.devices) == (jobs, max(1, cores // jobs), gpus)
    assert found.environment(3).get("CUDA_VISIBLE_DEVICES") == (gpus[1] if gpus else None)


def test_measured_memory_counts(made, monkeypatch):
    folder_of(made, "face alone", 0).worked(Work("train", 1.0, 2**30, 1))
    monkeypatch.setattr(schedule, "usable_cores", lambda: 64)
    monkeypatch.setattr(schedule, "free_bytes", lambda: 3 * 2**30 + 1)
    monkeypatch.setattr(schedule, "visible_gpus", list)
    assert slots(made, None, None).jobs == 3


def test_threads_stay_those_with_which_the_study_began(made):
    assert slots(made, 2, 3).threads == 3
    assert slots(made, 1, None).threads == 3
    assert slots(made, 1, 5).threads == 3


def test_memory_and_gpus_of_a_machine(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemAvailable:  5000 kB\n")
    (tmp_path / "max").write_text("4096000\n")
    (tmp_path / "no").write_text("max\n")
    monkeypatch.setattr(schedule, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(schedule, "LIMITS", (tmp_path / "no", tmp_path / "absent"))
    assert schedule.free_bytes() == 5000 * 1024
    monkeypatch.setattr(schedule, "LIMITS", (tmp_path / "max",))
    assert schedule.free_bytes() == 4096000
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 3")
    assert schedule.visible_gpus() == ["2", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert schedule.visible_gpus() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: H'\necho 'GPU 1: H'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert schedule.visible_gpus() == ["0", "1"]


@pytest.mark.parametrize(("seconds", "text"), [(12, "12 s"), (600, "10 min"), (7200, "2.0 h")])
def test_times_in_words(seconds, text):
    assert describe_seconds(seconds) == text

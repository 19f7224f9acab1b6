import sys
import threading
import time
from pathlib import Path

import pytest

from vaer.studies.children import Step, perform
from vaer.studies.folder import StudyRun

SCRIPT = """\
import json, os, signal, sys, time
from pathlib import Path
task, *folders = sys.argv[1:]
for folder in map(Path, folders):
    kind = (folder / "kind").read_text()
    if kind == "busy":
        (folder / "kind").write_text("good")
        sys.exit(75)
    if kind == "bad":
        print("vaer: " + str(folder) + ": holds nothing.", file=sys.stderr)
        sys.exit(2)
    if kind == "broken":
        raise KeyError("deep")
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "slow":
        time.sleep(60)
    done = {"train": ("run.json", {"finished": True}), "score": ("scored.json", {"modalities": ["both"]})}[task]
    (folder / done[0]).write_text(json.dumps(done[1]))
"""


@pytest.fixture
def step(tmp_path):
    (tmp_path / "step.py").write_text(SCRIPT)

    def made(task, *kinds):
        folders = []
        for number, kind in enumerate(kinds):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            (folder / "kind").write_text(kind)
            folders.append(str(folder))
        return Step(task, folders, {"ANY": "1"}, [sys.executable, str(tmp_path / "step.py")], str(tmp_path))

    return made


def reasons(step):
    return [StudyRun(Path(folder)).reason() for folder in step.folders]


@pytest.mark.parametrize(("kind", "reason"), [
    ("good", None), ("bad", "holds nothing."), ("broken", "KeyError: 'deep'"),
    ("killed", "its process was ended by SIGKILL (out of memory, perhaps)")])
def test_a_step_that_fails_leaves_its_reason(step, kind, reason):
    one = step("train", kind)
    perform(one)
    assert reasons(one) == [reason]


def test_one_that_fails_does_not_keep_the_others(step):
    one = step("score", "good", "bad", "good", "broken", "good")
    perform(one)
    assert reasons(one) == [None, "holds nothing.", None, "KeyError: 'deep'", None]


def test_a_run_that_another_works_on_is_waited_for(step, monkeypatch):
    monkeypatch.setattr("vaer.studies.children.AGAIN_S", 0.01)
    one = step("train", "busy")
    perform(one)
    assert reasons(one) == [None]
    assert (StudyRun(Path(one.folders[0]))).state() == "finished"


def test_a_reason_of_before_does_not_stay(step):
    one = step("train", "good")
    run = StudyRun(Path(one.folders[0]))
    run.fail("train", 1, "before")
    perform(one)
    assert run.reason() is None


def test_a_step_that_is_stopped_did_not_fail(step):
    one, stopping, running = step("train", "slow"), threading.Event(), set()
    thread = threading.Thread(target=perform, args=(one, stopping, running))
    thread.start()
    while not running:
        time.sleep(0.01)
    stopping.set()
    for child in list(running):
        child.terminate()
    thread.join(20)
    assert reasons(one) == [None]
    assert not running

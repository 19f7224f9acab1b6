"""Waits for decoding processes end: where they do nothing, where they are stopped, and by a signal."""

import os
import signal
import time
from types import SimpleNamespace

import pytest
import torch
from makers import make_item, tone, write_wav

from vaer.config import DataConfig
from vaer.data import waiting
from vaer.data.dataset import EvaluationClips, Modalities
from vaer.data.loader import evaluation_batches
from vaer.data.waiting import ProcessState, StallDetector, WaitInterruptedError, process_state
from vaer.errors import RunError


@pytest.fixture
def detector(monkeypatch):
    """Over two processes, whose looks, files and signals stand in what comes with it."""
    told = SimpleNamespace(states={1: ProcessState("S", 5), 2: ProcessState("S", 7)}, reading={}, asked=False)
    monkeypatch.setattr(waiting, "process_state", lambda pid: told.states[pid])
    for name, value in (("IDLE", 3), ("STALLED", 6), ("GRACE", 2)):
        monkeypatch.setattr(waiting, name, value)
    return StallDetector([SimpleNamespace(pid=1), SimpleNamespace(pid=2)], lambda: dict(told.reading),
                         lambda: told.asked), told


def polls(detector, most=50):
    """Polls without data until it is given up."""
    for number in range(1, most):
        try:
            detector.poll(False)
        except RunError as error:
            return number, str(error)
    return most, ""


def test_processes_that_do_nothing_are_given_up(detector):
    number, message = polls(detector[0])
    assert number == 1 + 3 + 1  # the first look, three that may be still, one too many
    assert message.startswith("No data came for 4 s (decoding process 1 does nothing; decoding process 2 does nothing)")


@pytest.mark.parametrize(("states", "reading", "expected", "told"), [
    ({}, {1: "a.mp4"}, 8, "1 does nothing, reading a.mp4"),  # a slow disk
    ({1: ProcessState("D", 5)}, {1: "a.mp4"}, 8, "1 waits for its disk, reading a.mp4"),
    ({2: ProcessState("D", 7)}, {}, 8, "2 waits for its disk"),
    ({1: ProcessState("T", 5)}, {1: "a.mp4"}, 5, "1 is stopped, reading a.mp4"),
    ({1: ProcessState("", 0)}, {}, 5, "does nothing")])
def test_who_reads_is_waited_for_longer_than_who_is_stopped(detector, states, reading, expected, told):
    detector[1].states.update(states)
    detector[1].reading = reading
    number, message = polls(detector[0])
    assert number == expected
    assert told in message


def test_a_process_that_works_or_goes_on_to_another_file_is_never_given_up(detector):
    watch, told = detector
    for number in range(30):
        if number % 3 == 0:
            told.states[2] = ProcessState("R", number)
        elif number % 3 == 1:
            told.reading = {1: f"{number}.mp4"}
        watch.poll(False)
    polls(watch, most=4)
    watch.poll(True)
    assert (watch.still, watch.asked) == (0, 0)


def test_a_signal_ends_the_wait_after_a_grace_although_they_work(detector):
    watch, told = detector
    told.asked = True
    for number in range(2):
        told.states[1] = ProcessState("R", number)
        watch.poll(False)
    with pytest.raises(WaitInterruptedError, match=r"Interrupted while waiting for data .*--train\.resume true"):
        watch.poll(False)
    watch.poll(True)
    watch.poll(False)


def test_a_look_tells_a_stopped_process_and_its_work():
    pid = os.fork() if not hasattr(os, "posix_spawn") else os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    try:
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while process_state(pid).state != "T" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process_state(pid).state == "T"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert process_state(pid) == ProcessState("", 0)
    before = process_state(os.getpid()).ticks
    while time.process_time() < before / os.sysconf("SC_CLK_TCK") + 0.2:
        pass
    assert process_state(os.getpid()).ticks > before


@pytest.mark.parametrize("asked", [False, True])
def test_a_stopped_process_does_not_stop_the_run(tmp_path, monkeypatch, asked):
    for name, value in (("POLL_S", 0.1), ("IDLE", 5), ("GRACE", 5)):
        monkeypatch.setattr(waiting, name, value)
    items = [make_item(write_wav(tmp_path / f"{number}.wav", tone(0.2))) for number in range(12)]
    clips = EvaluationClips(items, ("happy",), config=DataConfig(), views=1, wanted=Modalities(False, True))
    batches = evaluation_batches(clips, batch_size=1, num_workers=1, device=torch.device("cpu"), rank=0, world=1)
    assert len(list(batches)) == 12
    workers = batches.loader._iterator._workers
    os.kill(workers[0].pid, signal.SIGSTOP)
    batches.interrupted = lambda: asked
    started = time.monotonic()
    with pytest.raises(RunError, match="Interrupted while waiting" if asked else r"No data came for .* is stopped"):
        list(batches)
    assert time.monotonic() - started < 20
    del batches  # ends its processes, which would hang were it stopped still
    workers[0].join(20)
    assert workers[0].exitcode is not None

"""A file that hangs or crashes its decoder costs itself and nothing else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vaer.errors import GivenUpError, MediaError
from vaer.prepare import limits
from vaer.prepare.isolated import ATTEMPTS, Child, each_isolated

HERE = "test_isolated"


def behave(how, place=""):
    """What a decoder may do of a file; `place` counts the calls by what it appends to."""
    if place:
        with open(place, "a") as file:
            file.write(".")
    if how == "hang":
        time.sleep(60)
    if how in ("spin", "long"):
        if how == "long":
            limits.allow(duration_s=600)
        while time.process_time() < (60 if how == "spin" else 3):
            pass
    if how == "stopped":
        subprocess.Popen([sys.executable, "-c", "import os, signal, time; os.kill(os.getppid(), signal.SIGSTOP); "
                                                "time.sleep(4); os.kill(os.getppid(), signal.SIGCONT)"]).wait()
    if how == "half":
        limits.reached(0.5)
        time.sleep(3)
    if how == "refuse":
        raise MediaError("a.mp4", "is empty; make it again")
    if how == "first killed" and Path(place).stat().st_size < ATTEMPTS:
        os.kill(os.getpid(), signal.SIGKILL)
    if how.isdigit():
        os.kill(os.getpid(), int(how))
    if how == "defect":
        raise ZeroDivisionError("ours")
    return f"did {how}"


@pytest.fixture(autouse=True)
def _findable(monkeypatch):
    """The new processes find this module as the tests do."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))


def outcomes(jobs, timeout_s=60.0, news=limits.ignored):
    import importlib

    sys.path.insert(0, str(Path(__file__).parent))
    try:
        function = importlib.import_module(HERE).behave
        return dict(each_isolated(function, jobs, processes=2, timeout_s=timeout_s, news=news))
    finally:
        sys.path.remove(str(Path(__file__).parent))


def test_the_work_goes_on_past_everything_that_a_decoder_does(tmp_path):
    calls = tmp_path / "calls"
    jobs = [("hangs.mp4", ("hang",)), ("spins.mp4", ("spin",)), ("alarms.mp4", (str(int(signal.SIGPROF)),)),
            ("faults.mp4", (str(int(signal.SIGSEGV)),)),
            ("aborts.mp4", (str(int(signal.SIGABRT)),)), ("refuses.mp4", ("refuse",)),
            ("unlucky.mp4", ("first killed", str(calls))), *((f"{n}.mp4", ("read",)) for n in range(10))]
    found = outcomes(jobs, timeout_s=3.0)
    assert {path: result for path, result in found.items() if not isinstance(result, MediaError)} == {
        **{f"{n}.mp4": "did read" for n in range(10)}, "unlucky.mp4": "did first killed"}
    assert calls.read_text() == "." * ATTEMPTS  # what is killed from outside is tried again
    assert {path: str(result) for path, result in found.items() if isinstance(result, MediaError)} == {
        "hangs.mp4": "hangs.mp4: nothing happened with it for --timeout_s 3: its disk does not answer, or its decoder "
                     "waits without an end; call again, or leave it out",
        "spins.mp4": "spins.mp4: takes longer than --timeout_s 3 allows, seconds of processor time for every minute of "
                     "it; raise the flag and call again",
        "alarms.mp4": "alarms.mp4: its decoder does not come back; make the file again or leave it out",
        "faults.mp4": "faults.mp4: its decoder crashes (SIGSEGV); make the file again or leave it out",
        "aborts.mp4": "aborts.mp4: its decoder crashes (SIGABRT); make the file again or leave it out",
        "refuses.mp4": "a.mp4: is empty; make it again"}


def test_what_was_given_up_says_nothing_about_the_file():
    found = outcomes([("spins.mp4", ("spin",)), ("killed.mp4", (str(int(signal.SIGKILL)),)), ("bad.mp4", ("refuse",))],
                     timeout_s=2.0)
    assert {path: type(error) for path, error in found.items()} == {
        "spins.mp4": GivenUpError, "killed.mp4": GivenUpError, "bad.mp4": MediaError}


def test_neither_a_pause_nor_a_long_film_is_held_against_a_file():
    """Stopped for 4 s under a limit of 2 s, and 3 s of work for ten minutes of film under one of 1 s a minute."""
    assert outcomes([("stopped.mp4", ("stopped",))], timeout_s=2.0) == {"stopped.mp4": "did stopped"}
    assert outcomes([("long.mp4", ("long",))], timeout_s=1.0) == {"long.mp4": "did long"}


def test_how_far_files_have_come_is_told():
    heard = []
    assert outcomes([("a.mp4", ("half",))], news=heard.append) == {"a.mp4": "did half"}
    assert {"a.mp4": 0.5} in heard
    assert heard[-1] == {}


def test_a_defect_of_ours_is_not_blamed_on_a_file():
    with pytest.raises(ZeroDivisionError, match="ours"):
        outcomes([("a.mp4", ("defect",))])


def test_more_jobs_than_are_handed_out_at_once_all_come_back():
    assert outcomes([(f"{n}", ("read",)) for n in range(50)]) == {f"{n}": "did read" for n in range(50)}


def test_no_jobs():
    assert outcomes([]) == {}


@pytest.fixture
def child():
    """An interpreter that answers calls."""
    child = Child()
    yield child
    child.close()


@pytest.mark.slow
def test_a_child_answers_again_after_everything_that_a_decoder_does(child):
    for how, reason, timeout_s in (
            ("refuse", "a.mp4: is empty", 60.0), ("hang", "b.mp4: nothing happened with it for --timeout_s 2", 2.0),
            ("spin", "b.mp4: takes longer than --timeout_s 2 allows", 2.0),
            (str(int(signal.SIGSEGV)), r"b.mp4: its decoder crashes \(SIGSEGV\)", 60.0)):
        with pytest.raises(MediaError, match=reason):
            child.call(behave, [how], "b.mp4", timeout_s=timeout_s)
        assert child.call(behave, ["read"], "b.mp4", timeout_s=60.0) == "did read"


def test_a_child_is_the_same_process_while_nothing_goes_wrong(child):
    assert [child.call(behave, ["read"], "b.mp4", timeout_s=60.0) for _ in range(3)] == ["did read"] * 3
    before = child.process.pid
    with pytest.raises(MediaError):
        child.call(behave, ["refuse"], "b.mp4", timeout_s=60.0)
    assert child.process.pid == before


def test_a_defect_of_ours_in_a_child_is_not_blamed_on_a_file(child, capfd):
    with pytest.raises(RuntimeError, match=r"b\.mp4: the process that read it failed with status 1"):
        child.call(behave, ["defect"], "b.mp4", timeout_s=60.0)
    assert "ZeroDivisionError: ours" in capfd.readouterr().err

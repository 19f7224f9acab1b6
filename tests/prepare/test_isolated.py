"""A file that hangs or crashes its decoder costs itself and nothing else."""

import os
import signal
import time
from pathlib import Path

import pytest

from vaer.errors import MediaError
from vaer.prepare.isolated import ATTEMPTS, call_in_child, each_isolated

HERE = "test_isolated"


def behave(how, place=""):
    """What a decoder may do of a file; `place` counts the calls by what it appends to."""
    if place:
        with open(place, "a") as file:
            file.write(".")
    if how == "hang":
        time.sleep(60)
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


def outcomes(jobs, timeout_s=20.0):
    import importlib
    import sys

    sys.path.insert(0, str(Path(__file__).parent))
    try:
        function = importlib.import_module(HERE).behave
        return dict(each_isolated(function, jobs, processes=2, timeout_s=timeout_s))
    finally:
        sys.path.remove(str(Path(__file__).parent))


def test_the_work_goes_on_past_everything_that_a_decoder_does(tmp_path):
    calls = tmp_path / "calls"
    jobs = [("hangs.mp4", ("hang",)), ("faults.mp4", (str(int(signal.SIGSEGV)),)),
            ("aborts.mp4", (str(int(signal.SIGABRT)),)), ("refuses.mp4", ("refuse",)),
            ("unlucky.mp4", ("first killed", str(calls))), *((f"{n}.mp4", ("read",)) for n in range(10))]
    found = outcomes(jobs, timeout_s=4.0)
    assert {path: result for path, result in found.items() if not isinstance(result, MediaError)} == {
        **{f"{n}.mp4": "did read" for n in range(10)}, "unlucky.mp4": "did first killed"}
    assert calls.read_text() == "." * ATTEMPTS  # what is killed from outside is tried again
    assert {path: str(result) for path, result in found.items() if isinstance(result, MediaError)} == {
        "hangs.mp4": "hangs.mp4: its decoder does not come back within 4 s; make the file again or leave it out",
        "faults.mp4": "faults.mp4: its decoder crashes (SIGSEGV); make the file again or leave it out",
        "aborts.mp4": "aborts.mp4: its decoder crashes (SIGABRT); make the file again or leave it out",
        "refuses.mp4": "a.mp4: is empty; make it again"}


def test_a_defect_of_ours_is_not_blamed_on_a_file():
    with pytest.raises(ZeroDivisionError, match="ours"):
        outcomes([("a.mp4", ("defect",))])


def test_more_jobs_than_are_handed_out_at_once_all_come_back():
    assert outcomes([(f"{n}", ("read",)) for n in range(50)]) == {f"{n}": "did read" for n in range(50)}


def test_no_jobs():
    assert outcomes([]) == {}


@pytest.mark.parametrize(("how", "reason"), [
    ("refuse", "a.mp4: is empty"), ("hang", "b.mp4: its decoder does not come back within 3 s"),
    (str(int(signal.SIGSEGV)), r"b.mp4: its decoder crashes \(SIGSEGV\)")])
def test_a_call_in_a_new_interpreter_that_goes_wrong(how, reason):
    with pytest.raises(MediaError, match=reason):
        call_in_child(behave, [how], "b.mp4", timeout_s=3.0)


def test_a_call_in_a_new_interpreter():
    assert call_in_child(behave, ["read"], "b.mp4", timeout_s=30.0) == "did read"
    with pytest.raises(RuntimeError, match=r"(?s)b.mp4: the process that read it failed:.*ZeroDivisionError: ours"):
        call_in_child(behave, ["defect"], "b.mp4", timeout_s=30.0)

"""One command at a time trains into a folder, whatever becomes of the others."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vaer.errors import UserError
from vaer.training import lock as lock_module
from vaer.training.lock import NAME, Lock, held

HOLD = """
import sys, time
from pathlib import Path
from vaer.training.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds runs/run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "runs" / "run")], stdout=subprocess.PIPE,
                               text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.communicate()


@pytest.fixture
def quick(monkeypatch):
    """Hearts beat ten times a second, and one that is silent for half a second is dead."""
    monkeypatch.setattr(lock_module, "BEAT_S", 0.1)
    monkeypatch.setattr(lock_module, "SILENT_S", 0.5)


def left_behind(folder, boot, beat=3):
    """The file of a lock that was not given free."""
    folder.mkdir(parents=True)
    owner = {"process": 7, "host": "node4", "boot": boot, "since": "2026-01-01 00:00:00", "beat": beat}
    (folder / NAME).write_text(json.dumps(owner).ljust(lock_module.WIDTH))


def test_a_folder_that_another_process_holds_is_refused_by_whatever_path(other, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "runs" / "run")
    (tmp_path / "links").symlink_to(tmp_path / "runs")
    for path in (tmp_path / "runs" / "run", *map(Path, ("runs/run", "link", "links/run", "runs/../runs/run"))):
        with pytest.raises(UserError, match=rf"{path}: process {other.pid} on .*, which began .* trains into this "
                                            r"folder; wait until that has ended, end it, or choose another --output"):
            Lock(path)
    Lock(tmp_path / "runs" / "second").release()


def test_a_link_whose_folder_is_not_there_yet_makes_it(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "run")
    lock = Lock(tmp_path / "link")
    with pytest.raises(UserError, match="run: another command"):
        Lock(tmp_path / "run")
    lock.release()
    assert not (tmp_path / "run").exists()


def test_a_process_that_was_killed_or_stopped_and_killed_gives_the_folder_free_at_once(other, tmp_path):
    other.send_signal(signal.SIGSTOP)
    with pytest.raises(UserError, match=f"process {other.pid}"):
        Lock(tmp_path / "runs" / "run")
    other.kill()
    other.wait()
    assert (tmp_path / "runs" / "run" / NAME).exists()
    started = time.monotonic()
    Lock(tmp_path / "runs" / "run").release()
    assert time.monotonic() - started < 2
    assert not (tmp_path / "runs" / "run" / NAME).exists()


def test_a_folder_is_held_once_within_a_process_and_gone_where_nothing_was_written(tmp_path):
    lock = Lock(tmp_path / "a" / "b")
    with pytest.raises(UserError, match=r"a/b: another command trains into this folder"):
        Lock(tmp_path / "a" / "b")
    lock.release()
    assert not (tmp_path / "a").exists()
    lock = Lock(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "run.json").touch()
    lock.release()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["run.json"]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the heart is a thread, which no child has
def test_children_do_not_keep_the_lock(tmp_path):
    lock = Lock(tmp_path)
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        lock.release()
        Lock(tmp_path).release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": 1}', " " * 600])
def test_a_file_that_says_nothing_keeps_nobody_out(tmp_path, content):
    (tmp_path / NAME).write_text(content)
    Lock(tmp_path).release()


def test_a_dead_process_of_this_machine_is_not_waited_for(tmp_path):
    left_behind(tmp_path / "run", lock_module._boot())
    started = time.monotonic()
    Lock(tmp_path / "run").release()
    assert time.monotonic() - started < 2


def test_another_machine_that_is_silent_is_waited_for_and_then_dead(tmp_path, quick, caplog):
    left_behind(tmp_path / "run", "another machine")
    started = time.monotonic()
    lock = Lock(tmp_path / "run")
    assert 0.5 < time.monotonic() - started < 5
    assert "waiting up to 0 s for a sign of life of process 7 on node4" in caplog.text.replace("up to 1 s", "up to 0 s")
    assert json.loads((tmp_path / "run" / NAME).read_text())["process"] == os.getpid()
    lock.release()


def test_another_machine_that_lives_is_believed_where_the_kernel_knows_of_no_lock(tmp_path, quick, monkeypatch):
    left_behind(tmp_path / "run", "another machine")
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        left = json.loads((tmp_path / "run" / NAME).read_text())
        (tmp_path / "run" / NAME).write_text(json.dumps(left | {"beat": 4}))

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(UserError, match="run: process 7 on node4, which began 2026-01-01 00:00:00 trains into"):
        Lock(tmp_path / "run")
    assert len(waits) == 1
    assert json.loads((tmp_path / "run" / NAME).read_text())["process"] == 7


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_kept_by_the_beat_alone(tmp_path, quick, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock_module.fcntl, "lockf", refuse)
    first = Lock(tmp_path)
    monkeypatch.setattr(lock_module, "MINE", set())  # as from another process
    with pytest.raises(UserError, match=f"process {os.getpid()} on .* trains into this folder"):
        Lock(tmp_path)
    first.release()
    Lock(tmp_path).release()


def test_the_heart_beats_until_the_folder_is_given_free(tmp_path, quick):
    lock = Lock(tmp_path)
    beats = []
    deadline = time.monotonic() + 20
    while len(set(beats)) < 3 and time.monotonic() < deadline:
        beats.append(json.loads((tmp_path / NAME).read_text())["beat"])
        time.sleep(0.05)
    assert len(set(beats)) == 3
    lock.release()
    assert not lock.heart.is_alive()


def test_a_lock_that_was_taken_away_meanwhile_does_not_end_the_holder(tmp_path):
    lock = Lock(tmp_path / "run")
    (tmp_path / "run" / NAME).unlink()
    other = Lock(tmp_path / "run")  # a new file: nobody can know of the first one
    lock.release()
    assert (tmp_path / "run" / NAME).exists()
    other.release()
    assert not (tmp_path / "run" / NAME).exists()


def test_a_file_in_the_place_of_the_folder_is_an_error_with_its_name(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(FileExistsError) as caught:
        Lock(tmp_path / "run")
    assert caught.value.filename == os.path.realpath(tmp_path / "run")


def test_every_process_of_a_run_hears_that_the_folder_is_held(accelerator, tmp_path):
    with held(tmp_path / "run", accelerator), \
            pytest.raises(UserError, match="another command trains into"), held(tmp_path / "run", accelerator):
        raise AssertionError("never reached")
    assert not (tmp_path / "run").exists()

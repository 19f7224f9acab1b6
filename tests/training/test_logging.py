import json
import re
import shutil
import subprocess
from pathlib import Path

from vaer.training import logging as run_logging
from vaer.training.logging import RunLog, machine_facts


def rows(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_resumed_log_forgets_what_is_done_again(tmp_path, capsys):
    log = RunLog(tmp_path, main=True, epochs_done=0)
    for epoch in (1, 2, 3):
        log.epoch({"epoch": epoch, "loss": 1 / epoch})
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')  # the machine went down here
    log = RunLog(tmp_path, main=True, epochs_done=2)
    log.say("going on [with brackets]")
    log.epoch({"epoch": 3, "loss": 9.0})
    log.close()
    assert [(row["epoch"], row["loss"]) for row in rows(tmp_path)] == [(1, 1.0), (2, 0.5), (3, 9.0)]
    assert "going on [with brackets]" in capsys.readouterr().out


def test_only_the_main_process_speaks(tmp_path, capsys):
    log = RunLog(tmp_path, main=False, epochs_done=0)
    log.begin_epoch(1, 2, 3, 0)
    log.step(0.5)
    log.say("hello")
    log.epoch({"epoch": 1})
    log.close()
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_facts_name_versions_and_machine():
    facts = machine_facts()
    assert re.match(r"\d+\.\d+", facts["versions"]["torch"])
    assert facts["python"].startswith("3.")
    assert facts["torch_threads"] >= 1


def test_the_commit_is_that_of_the_clone_the_package_lies_in(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True,
                       capture_output=True)

    source = Path(run_logging.__file__)
    copy = tmp_path / source.name
    shutil.copy(source, copy)
    git("init")
    monkeypatch.setattr(run_logging, "__file__", str(copy))
    assert run_logging.git_commit() is None  # a file that its folder's repository does not know
    git("add", copy.name)
    git("commit", "-m", "first")
    assert re.fullmatch(r"[0-9a-f]{40}", run_logging.git_commit())
    copy.write_text("changed")
    assert re.fullmatch(r"[0-9a-f]{40}\+", run_logging.git_commit())

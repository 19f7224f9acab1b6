import json

from vaer.runs.folder import RunFolder
from vaer.training.logging import RunLog


def rows(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_resumed_log_forgets_what_is_done_again(tmp_path, capsys):
    log = RunLog(RunFolder(tmp_path), main=True, epochs_done=0)
    for epoch in (1, 2, 3):
        log.epoch({"epoch": epoch, "loss": 1 / epoch})
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')  # the machine went down here
    log = RunLog(RunFolder(tmp_path), main=True, epochs_done=2)
    log.say("going on [with brackets]")
    log.epoch({"epoch": 3, "loss": 9.0})
    log.close()
    assert [(row["epoch"], row["loss"]) for row in rows(tmp_path)] == [(1, 1.0), (2, 0.5), (3, 9.0)]
    assert "going on [with brackets]" in capsys.readouterr().out


def test_only_the_main_process_speaks(tmp_path, capsys):
    log = RunLog(RunFolder(tmp_path), main=False, epochs_done=0)
    log.begin_epoch(1, 2, 3, 0)
    log.step(0.5)
    log.say("hello")
    log.epoch({"epoch": 1})
    log.close()
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []

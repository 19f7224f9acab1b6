import json

from vaer.runs.folder import RunFolder
from vaer.training.logging import RunLog, epoch_line


def rows(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_resumed_log_forgets_what_is_done_again(tmp_path, capsys):
    log = RunLog(RunFolder(tmp_path), main=True, epochs_done=0)
    for epoch in (1, 2, 3):
        log.epoch({"epoch": epoch, "loss": 1 / epoch}, 10 * epoch)
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')  # the machine went down here
    log = RunLog(RunFolder(tmp_path), main=True, epochs_done=2)
    log.say("going on [with brackets]")
    log.epoch({"epoch": 3, "loss": 9.0}, 30)
    log.close()
    assert [(row["epoch"], row["loss"]) for row in rows(tmp_path)] == [(1, 1.0), (2, 0.5), (3, 9.0)]
    assert "going on [with brackets]" in capsys.readouterr().out


def test_a_resumed_log_forgets_steps_that_are_done_again(tmp_path):
    log = RunLog(RunFolder(tmp_path), main=True, epochs_done=0)
    for step in (2, 4, 6):
        log.steps({"step": step, "epoch": 1 + (step > 4), "loss": 1 / step})
    log.close()
    log = RunLog(RunFolder(tmp_path), main=True, epochs_done=1, steps_done=5)
    log.steps({"step": 6, "epoch": 2, "loss": 9.0})
    log.close()
    kept = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in kept] == [(2, 0.5), (4, 0.25), (6, 9.0)]


def test_only_the_main_process_speaks(tmp_path, capsys):
    log = RunLog(RunFolder(tmp_path), main=False, epochs_done=0)
    log.begin_epoch(1, 2, 3, 0)
    log.step(0.5)
    log.say("hello")
    log.epoch({"epoch": 1}, 1)
    log.steps({"step": 1, "epoch": 1})
    log.close()
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_an_epoch_is_a_line_of_80_columns():
    row = {"epoch": 7, "loss": 0.5, "validation_uar": 0.512, "validation_war": 0.5, "clips_per_s": 33.14,
           "data_wait": 0.02, "padding": 0.1}
    assert epoch_line(row, 120, best=True) == (
        "epoch   7/120  loss 0.500  validation UAR 0.512 best  33.1 clips/s  wait 2%")
    long = row | {"epoch": 1000, "loss": 1234.5, "clips_per_s": 12345.6}
    assert epoch_line(long, 1000, best=True) == (
        "epoch 1000/1000  loss 1234.500  validation UAR 0.512 best  12345.6 clips/s")
    assert epoch_line({name: row[name] for name in ("epoch", "loss", "clips_per_s", "data_wait")}, 9, best=True) == (
        "epoch 7/9  loss 0.500  33.1 clips/s  wait 2%")

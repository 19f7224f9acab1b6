import json
import subprocess
import sys
from pathlib import Path

import pytest

from vaer.config import Config, DataConfig, TrainConfig, resolve, write_config
from vaer.errors import UserError
from vaer.report.curves import bands_of, describe_band, draw, line_of, steps_of
from vaer.runs.folder import RunFolder
from vaer.runs.log import Log, read_log


def row(epoch, uar, nll=1.0, **other):
    return {"epoch": epoch, "loss": 3.0, "nll": nll, "uar": uar, "validation_uar": uar, "validation_nll": nll,
            "grad_norm": 1.0, "lr": 0.1, **other}


def write_run(folder: Path, rows, *, steps=(), seed=0, lr=1e-3, fold=0):
    """A run that told `rows`, under settings that differ in seed, fold and learning rate."""
    folder.mkdir(parents=True)
    config = Config(output=str(folder), seed=seed, data=DataConfig(fold=fold), train=TrainConfig(lr=lr))
    write_config(resolve(config), folder / "config.yaml")
    (folder / "run.json").write_text(json.dumps({"classes": ["a", "b", "c", "d"]}))
    for name, told in (("log.jsonl", rows), ("steps.jsonl", steps)):
        if told:
            (folder / name).write_text("".join(json.dumps(line) + "\n" for line in told))
    return folder


def test_seeds_and_folds_are_one_band_and_other_settings_another(tmp_path):
    seeds = [write_run(tmp_path / f"s{seed}", [row(1, 0.5)], seed=seed) for seed in (0, 1)]
    for fold in (0, 1, 10):
        write_run(tmp_path / "folds" / f"fold{fold}", [row(1, 0.5)], fold=fold, lr=1e-2)
    bands = bands_of([seeds[0], tmp_path / "folds", seeds[1], seeds[1]])
    assert [(band.name, len(band.logs), band.chance) for band in bands] == [
        (f"{seeds[0]} and 1 more (2 runs)", 2, 0.25), (f"{tmp_path / 'folds'} (3 runs)", 3, 0.25)]
    assert [log.run.path.name for log in bands[1].logs] == ["fold0", "fold1", "fold10"]


def test_a_line_is_the_mean_the_least_and_the_most_of_the_runs_that_came_so_far():
    logs = [Log(RunFolder(Path("x")), rows, []) for rows in
            ([row(1, 0.2), row(2, 0.4)], [row(1, 0.4), row(2, None)], [row(1, 0.9), row(2, 0.8), row(3, 0.7)])]
    line = line_of(logs, "validation_uar")
    assert line.epochs.tolist() == [1, 2, 3]
    assert line.mean.tolist() == pytest.approx([0.5, 0.6, 0.7])
    assert line.least.tolist() == [0.2, 0.4, 0.7]
    assert line.most.tolist() == [0.9, 0.8, 0.7]
    assert line_of(logs, "nll_video") is None


def test_steps_stand_where_they_were_in_their_epoch(tmp_path):
    steps = [{"step": 2, "epoch": 1, "grad_norm": 4.0}, {"step": 3, "epoch": 1, "grad_norm": float("nan")},
             {"step": 5, "epoch": 2, "grad_norm": 1.0}]
    log = read_log(RunFolder(write_run(tmp_path / "run", [row(1, 0.5)], steps=steps)))
    assert steps_of(log, "grad_norm") == ([pytest.approx(2 / 3), pytest.approx(5 / 3)], [4.0, 1.0])


def test_a_network_that_learned_nothing_is_said(tmp_path):
    band, = bands_of([write_run(tmp_path / "run", [row(1, 0.25), row(2, 0.3)])])
    name = str(tmp_path / "run")
    assert f"{name}: the network never reached a UAR of 1.5 times chance (0.300, chance 0.250)" in describe_band(band)


def test_what_a_reader_should_look_for_is_said(tmp_path):
    rows = [row(1, 0.4, 1.0, uar_audio=0.25, validation_uar_audio=0.30), row(2, 0.6, 0.8, validation_uar_audio=0.26),
            row(3, 0.6, 1.1, validation_uar_audio=0.25)]
    band, = bands_of([write_run(tmp_path / "run", rows)])
    name = str(tmp_path / "run")
    assert describe_band(band) == [
        f"{name}: best validation UAR 0.600 in epoch 2",  # of two the one with the lower cross-entropy
        f"{name}: the audio branch alone never reached a UAR of 1.5 times chance (0.300, chance 0.250)",
        f"{name}: the validation cross-entropy rose again from 0.800 in epoch 2 to 1.100: it overfits, or grows too "
        "sure"]


@pytest.mark.parametrize("rows", [
    [row(1, 0.5), row(2, 0.6)],
    [{"epoch": 1, "loss": 2.0, "lr": 0.1}],  # an older run without validation clips
    [row(1, 0.5, nll_video=1.0, uar_video=0.5, nll_audio=2.0, uar_audio=0.2, grad_norm_audio=0.0, lr_audio=0.1)]])
def test_the_picture_is_drawn_twice_alike(tmp_path, rows):
    run = write_run(tmp_path / "a run", rows, steps=[{"step": 1, "epoch": 1, "grad_norm": 2.0}])
    draw([run], tmp_path / "out" / "one.v2")
    draw([run], tmp_path / "other")
    for suffix in (".png", ".pdf"):
        first = (tmp_path / "out" / f"one.v2{suffix}").read_bytes()
        assert len(first) > 5_000
        assert first == (tmp_path / f"other{suffix}").read_bytes()


def test_more_bands_than_can_be_told_apart_are_refused(tmp_path):
    runs = [write_run(tmp_path / f"run{number}", [row(1, 0.5)], lr=0.001 * (1 + number)) for number in range(7)]
    with pytest.raises(UserError, match="7 kinds of runs in one figure cannot be told apart"):
        draw(runs, tmp_path / "out")


def test_the_command_costs_no_torch_and_writes_beside_the_first_run(tmp_path):
    run = write_run(tmp_path / "run", [row(1, 0.5)])
    code = "import sys\nfrom vaer.cli import main\nmain(sys.argv[1:])\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code, "curves", str(run)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"best validation UAR 0.500 in epoch 1\nwritten: {run / 'curves.png'}\n" in done.stdout


def test_what_runs_of_one_band_may_differ_in_are_settings():
    from vaer.config import dotted
    from vaer.report.curves import ALONE

    assert set(dotted(Config())) >= ALONE

"""`benchmarks/demo_speed.py`: this checkout beside itself, on a corpus of a few clips."""

import json
import os
from pathlib import Path

import pytest
from loading import load_module

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script():
    return load_module(ROOT / "benchmarks/demo_speed.py")


def told(epoch, forward):
    return {"first_epoch_s": 5.0, "main_cpu_s": 30.0, "cpu_s": 40.0, "peak_mib": 600.0,
            "spans": [[part, wall, wall / 2, {"forward": forward} if part == "training" else {}]
                      for number in range(3) for part, wall in
                      (("training", epoch * (10 if number == 0 else number)), ("validation", 2.0), ("saving", 0.5))]}


ROWS = [{"data_wait": 0.1, "train_s": 10.0 * number, "loss": 1.0, "validation_uar": 0.5} for number in (9, 1, 2)]


def test_the_first_epoch_does_not_count(script):
    """Training takes 4 and 8 s in the others: 6 s, with 2 s of validation and half a second of saving."""
    run = script.summed(told(4.0, 3.0), ROWS)
    assert (run["epoch_s"], run["training_s"], run["epoch_main_cpu_s"]) == (8.5, 6.0, 4.25)
    assert run["data_wait_s"] == 1.5
    assert run["parts"] == {"forward": 3.0}


def test_ratios_are_medians_over_pairs(script):
    """8.5 by 4 (1.5 s of training), 5.5 by 4, 5.5 by 5.5 s."""
    runs = {"before": [script.summed(told(each, 3.0), ROWS) for each in (4.0, 2.0, 2.0)],
            "after": [script.summed(told(each, 1.5), ROWS) for each in (1.0, 1.0, 2.0)]}
    found = script.ratios(runs)
    assert found["epoch_s"] == 1.375
    assert found["forward"] == 2.0


@pytest.mark.slow
def test_a_checkout_is_as_fast_as_itself(script, tmp_path, monkeypatch):
    from vaer.demo.render import render_corpus

    render_corpus(tmp_path / "demo", speakers=3, takes=1, size=32)
    out = tmp_path / "out.json"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads that wait for cores which other tests have cost most of it
    flags = ["train.batch_size=4", "data.size=32", "data.protocol=speakers3", "data.num_workers=0"]
    script.main(["--before", str(ROOT), "--root", str(tmp_path / "demo"), "--pairs", "1", "--epochs", "2", "--out",
                 str(out), "--flags", *flags])
    facts = json.loads(out.read_text())
    assert facts["cores"] == os.cpu_count()
    before, after = (facts["runs"][side][0] for side in ("before", "after"))
    assert before["losses"] == pytest.approx(after["losses"], rel=1e-4)
    assert {"forward", "backward", "optimizer", "after a step"} <= set(facts["ratio"])

"""The parts of `benchmarks/training_step.py` at a small size, on the processor."""

import json
from pathlib import Path

import pytest
import torch
from loading import load_module

SCRIPT = Path(__file__).parents[2] / "benchmarks/training_step.py"


@pytest.fixture
def script():
    threads = torch.get_num_threads()
    module = load_module(SCRIPT)
    yield module
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("part", "variants"), [
    ("slowfast", ["ours"]), ("parts", ["whole network", "video branch", "audio branch", "fusion and heads"])])
def test_rows_are_added_with_their_command(script, tmp_path, part, variants):
    out = tmp_path / "x.json"
    out.write_text('{"before": {}}')
    script.main([part, "--preset", "tiny", "--frames", "8", "--size", "32", "--seconds", "0.5", "--batch", "2",
                 "--repeats", "2", "--device", "cpu", "--out", str(out)])
    rows = json.loads(out.read_text())
    row = rows.pop(next(name for name in rows if name != "before"))
    assert list(rows) == ["before"]
    assert row["command"].startswith(f"python benchmarks/training_step.py {part} --preset tiny")
    assert list(row["variants"]) == variants
    assert row["variants"][variants[0]]["to_first"] == 1
    assert all(told["cpu_s"] >= told["least_s"] > 0 and told["peak_mib"] > 0 for told in row["variants"].values())


def test_the_peak_by_hand(script):
    """Of two tensors of 1 MiB at once, then one."""
    def run():
        first = torch.zeros(2**18)
        second = first + 1
        del first
        second + 1

    assert script.peak_mib(run, "cpu") == pytest.approx(2, abs=0.1)


def test_the_cost_by_each_axis_is_drawn(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "AXES", {"frames": (4, 8), "batch": (2, 4)})
    out = tmp_path / "x.json"
    out.write_text('{"other": {"command": "training_step.py parts", "variants": {}}}')
    small = ["--preset", "tiny", "--frames", "8", "--size", "32", "--seconds", "0.5", "--batch", "2"]
    for axis in ("frames", "batch"):
        script.main(["cost", "--axis", axis, *small, "--repeats", "1", "--device", "cpu", "--out", str(out)])
    rows = list(json.loads(out.read_text()).values())[1:]
    assert [list(row["variants"]) for row in rows] == [["frames 4", "frames 8"], ["batch 2", "batch 4"]]
    assert rows[1]["variants"]["batch 4"]["peak_mib"] > rows[1]["variants"]["batch 2"]["peak_mib"]
    script.main(["picture", "--out", str(out)])
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".png", ".pdf"}

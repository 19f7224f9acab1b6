"""The parts of `benchmarks/gpu.py` on the processor, at a small size; a GPU measures with the same lines."""

import itertools
import json
import signal
import time
from pathlib import Path

import pytest
import torch
from loading import load_module
from makers import tone, write_video

from vaer.errors import UserError

SCRIPT = Path(__file__).parents[2] / "benchmarks/gpu.py"


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # undone afterwards, as are the threads and the alarm of `main`
    threads, alarm = torch.get_num_threads(), signal.getsignal(signal.SIGALRM)
    monkeypatch.syspath_prepend(SCRIPT.parent)
    module = load_module(SCRIPT)
    yield module
    torch.set_num_threads(threads)
    signal.signal(signal.SIGALRM, alarm)


def test_parts_run_on_the_processor_and_say_what_was_not_measured(gpu, tmp_path, monkeypatch, capsys):
    for number in range(2):
        write_video(tmp_path / f"takes/{number}.mp4", frames=6, size=(48, 48), sound=tone(0.6, 16_000)[None],
                    rate=16_000)
    monkeypatch.setattr(gpu, "VARIANTS", {name: gpu.VARIANTS[name] for name in ("float32", "fp16")})
    out, takes = tmp_path / "gpu.json", str(tmp_path / "takes")
    gpu.main(["--small", "--out", str(out), "--parts", "matrix", "steps", "decoding", "--raw", takes, "--prepared",
              takes])
    result = json.loads(out.read_text())
    rows = {(row["part"], row["row"]): row for row in result["rows"]}
    assert rows["matrix", "bf16, 128 x 128"]["tflops"] > 0
    step = rows["steps", "float32"]
    assert step["clips_per_s"] > 0
    # Operations of a clip over the rate of the machine: a share, however slow the machine.
    assert 0 < step["share_of_matrix_rate"] < 1
    for kind in ("raw", "prepared"):
        alone, training = (rows["decoding", f"{kind}, processor, 1 workers{more}"] for more in ("", ", training"))
        assert alone["clips"] == 8  # 2 rounds of batches of 4 by 1 worker
        assert training["clips"] == 2  # the first of 2 steps of 2 clips warms up
        assert 0 <= training["data_wait"] <= 1
    if not torch.cuda.is_available():
        said = "\n".join(result["not_measured"])
        assert result["gpu"] is None
        assert "nothing here was measured on a GPU" in said
        assert "steps, fp16: --train.mixed_precision fp16" in said
        assert "decoding, raw, NVDEC by torchcodec: --data.decode_device cuda: this machine shows no" in said
    assert "clips_per_s" in capsys.readouterr().out


def test_what_time_does_not_allow_is_named_and_what_was_measured_stays(gpu, tmp_path, monkeypatch):
    def first(bench):
        yield "done", {"figure": 1}

    def endless(bench):
        yield "half", {"figure": 2}
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(gpu, "PARTS", {"first": first, "endless": endless, "last": first})
    gpu.main(["--small", "--out", str(tmp_path / "gpu.json"), "--minutes", "0.005"])
    result = json.loads((tmp_path / "gpu.json").read_text())
    assert [row["row"] for row in result["rows"]] == ["done", "half"]
    assert [line for line in result["not_measured"] if "GPU" not in line] == [
        "the 0.005 minutes were over in endless; after its rows above it has no more", "last: no time was left"]


def test_a_part_that_cannot_be_had_is_a_row_and_the_others_follow(gpu, tmp_path, monkeypatch):
    def without(bench):
        raise UserError("takes: hold no mp4; name others.")
        yield

    def after(bench):
        yield "row", {"figure": 1}

    monkeypatch.setattr(gpu, "PARTS", {"without": without, "after": after})
    gpu.main(["--small", "--out", str(tmp_path / "gpu.json")])
    result = json.loads((tmp_path / "gpu.json").read_text())
    assert [row["row"] for row in result["rows"]] == ["all of it", "row"]
    assert "without, all of it: takes: hold no mp4; name others." in result["not_measured"]


@pytest.mark.parametrize(("true", "first", "most", "expected"), [
    (0, 4, 64, 0),  # 4, 2, 1 fail
    (1, 4, 64, 1),
    (64, 4, 64, 64),  # as many as are tried
    (100, 4, 64, 64),
    (37, 4, 64, 36),  # 4 8 16 32 fit, 64 fails; 48, 40 fail, 36 fits, 38 fails: 2 apart, a sixteenth of 36
    (500, 16, 1024, 496)])  # between 256 and 512 in steps: 384, 448, 480, 496 fit; 16 apart is a sixteenth of 256
def test_the_largest_batch_is_found_to_a_sixteenth(gpu, true, first, most, expected):
    assert gpu.largest(lambda clips: clips <= true, first, most) == expected


def test_without_a_gpu_it_asks_for_the_small_size(gpu, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        gpu.main([])
    assert ended.value.code == 2
    assert "--small" in capsys.readouterr().err


def test_every_part_stands_in_its_documentation(gpu):
    assert all(f"`{name}`" in gpu.__doc__ for name in gpu.PARTS)
    assert list(itertools.islice(gpu.PARTS, 1)) == ["matrix"]  # shares are of its rate

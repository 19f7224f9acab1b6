import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from makers import replace, tiny_config, tone, write_run, write_video

import vaer
from vaer.runs.folder import RunFolder


def test_the_package_alone_costs_no_torch_and_names_what_it_offers():
    code = ("import sys, vaer; names = dir(vaer); assert 'torch' not in sys.modules; "
            "assert {'load', 'train', 'evaluate', 'Config', 'VAER', 'Timeline', 'Predictor'} <= set(names); "
            "vaer.Config; assert 'torch' not in sys.modules; vaer.load; vaer.train; vaer.evaluate; vaer.VAER")
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        vaer.lod  # noqa: B018


def test_a_file_is_answered_in_two_calls(tmp_path):
    timeline = vaer.load(write_run(tmp_path / "run"))(write_video(tmp_path / "a.mp4", sound=tone(2.0, 48_000)[None]))
    assert isinstance(timeline, vaer.Timeline)
    assert sum(timeline.mean["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert len(timeline.to_frame()) == len(timeline.windows) == 1


@pytest.fixture
def clips(tmp_path):
    """A table of twelve clips of three speakers."""
    lines = ["path,label,speaker"]
    for number in range(12):
        write_video(tmp_path / "clips" / f"{number}.mp4", frames=8, size=(32, 32),
                    sound=np.random.default_rng(number).normal(0, 0.1, (1, 38_400)))
        lines.append(f"{number}.mp4,{'ab'[number % 2]},{number // 4}")
    (tmp_path / "clips" / "table.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "clips"


@pytest.mark.parametrize("fold", [0, "all"])
def test_the_example_of_the_page_runs(fresh_accelerator, clips, tmp_path, monkeypatch, capsys, fold):
    page = (Path(__file__).parents[1] / "docs/api.md").read_text(encoding="utf-8")
    [example] = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "vaer.train(" in block]
    config = replace(tiny_config(), "data", corpus="csv", root=str(clips), protocol="speakers3", fold=fold)
    config = replace(replace(config, "train", epochs=1), "evaluate", batch_size=4)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vaer, "Config", lambda **given: dataclasses.replace(config, **given), raising=False)
    exec(example, {"vaer": vaer})
    last = capsys.readouterr().out.splitlines()[-1]
    folds = 3 if fold == "all" else 1
    assert last.endswith(f"['a', 'b'] {[('a', 'b')] * folds}")
    assert vaer.evaluate("runs/mine", num_workers=0)["clips"] == 4 * folds


def test_training_returns_the_folder_and_scoring_the_metrics(fresh_accelerator, clips, tmp_path):
    config = replace(tiny_config(), "data", corpus="csv", root=str(tmp_path / "clips"), protocol="speakers3")
    config = replace(replace(config, "train", epochs=1), "evaluate", batch_size=4)
    run = vaer.train(vaer.Config(output=str(tmp_path / "run"), data=config.data, model=config.model,
                                 train=config.train, evaluate=config.evaluate))
    assert run == RunFolder(tmp_path / "run")
    metrics = vaer.evaluate(run, num_workers=0)
    assert (metrics["clips"], metrics["classes"]) == (4, ["a", "b"])
    assert vaer.evaluate(tmp_path / "run", modality="audio", num_workers=0)["modality"] == "audio"
    row = (run.path / "predictions.csv").read_text().splitlines()[1].split(",")
    timeline = vaer.load(run.path)(tmp_path / "clips" / f"{row[0]}.mp4")
    assert list(timeline.mean["probabilities"].values()) == pytest.approx([float(cell) for cell in row[-2:]], abs=1e-5)

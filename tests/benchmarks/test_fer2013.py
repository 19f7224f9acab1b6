"""`benchmarks/fer2013.py` on a sheet of three faces."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from loading import load_module
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "benchmarks/fer2013.py"


@pytest.fixture
def script(tmp_path, monkeypatch):
    module = load_module(SCRIPT)
    monkeypatch.setattr(module, "RESULT", tmp_path / "twins.json")
    return module


def test_tiles_are_cut_where_they_lie_and_photographs_on_two_sides_are_found(script, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 255, (3, 48, 48), np.uint8)
    sheet = np.zeros((96, 1536), np.uint8)
    sheet[:48, 48:96], sheet[48:, :48], sheet[48:, 48:96] = faces[0], faces[1], np.clip(faces[0] * 0.5, 9, 255)
    Image.fromarray(sheet).save(tmp_path / "sheet00.png")
    rows = pd.DataFrame({"sheet": "sheet00.png", "tile": [1, 32, 33, 0], "label": ["sad", "happy", "sad", "fear"],
                         "split": ["train", "validation", "test", "test"]})
    rows.to_csv(tmp_path / "table.csv", index=False)
    monkeypatch.setattr("sys.argv", ["fer2013.py", str(tmp_path), str(tmp_path / "out")])
    script.main()
    table = pd.read_csv(tmp_path / "out/table.csv", keep_default_na=False)
    assert list(table["twin"]) == ["test", "none", "train", "none"]
    assert list(pd.read_csv(tmp_path / "out/sides.csv")["side"]) == list(rows["split"])
    apart = pd.read_csv(tmp_path / "out/apart.csv")
    assert dict(zip(apart["id"], apart["side"], strict=True)) == {
        "faces/sheet00_0032": "validation", "faces/sheet00_0033": "test", "faces/sheet00_0000": "test"}
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / table["path"][1])), faces[1])

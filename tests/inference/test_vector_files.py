import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from vaer.errors import UserError
from vaer.inference import vector_files
from vaer.inference.store import VectorStore
from vaer.inference.vector_files import FORMATS, require_format, write_npz, write_parquet

NOTES = {"network": "abc", "notes": ["drawn faces"]}


@pytest.fixture
def store(tmp_path):
    """Five rows of a network without fusion: a voice, then faces."""
    made = VectorStore(tmp_path / "store", {})
    made.begin({"path": "caf\u00e9.mp4"})
    rows = [{"window": number, "shot": 0, "track": "face 1", "start_s": number / 2, "end_s": 1.0, "face": "face",
             "voice": "voice"} for number in range(5)]
    made.add([], [(facts, {"audio": np.arange(3.0)} | ({"video": np.full(2, number, np.float32)} if number else {}))
                  for number, facts in enumerate(rows)])
    made.end()
    return made


def test_parquet_has_a_column_a_fact_and_lists_by_kind_in_row_groups(tmp_path, store, monkeypatch):
    monkeypatch.setattr(vector_files, "GROUP", 2)
    write_parquet(tmp_path / "v.parquet", store, NOTES)
    file = pyarrow.parquet.ParquetFile(tmp_path / "v.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [2, 2, 1]
    assert json.loads(file.schema_arrow.metadata[b"vaer"]) == NOTES
    table = file.read().to_pydict()
    assert table["path"] == ["caf\u00e9.mp4"] * 5
    assert table["start_s"] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert table["video"] == [None, [1, 1], [2, 2], [3, 3], [4, 4]]
    assert table["audio"] == [[0, 1, 2]] * 5
    assert "fused" not in table


def test_npz_says_the_same(tmp_path, store):
    write_npz(tmp_path / "v.npz", store, NOTES)
    with np.load(tmp_path / "v.npz") as found:
        assert found["path"].tolist() == ["caf\u00e9.mp4"] * 5
        assert np.isnan(found["video"][0]).all()
        assert found["video"][1:].tolist() == [[1, 1], [2, 2], [3, 3], [4, 4]]
        assert (found["fused"].shape, found["audio"].dtype) == ((5, 0), np.float32)
        assert json.loads(str(found["network"])) == NOTES


@pytest.mark.parametrize("ending", sorted(FORMATS))
def test_nothing_at_all_is_a_file_too_and_bytes_do_not_depend_on_the_hour(tmp_path, store, ending, monkeypatch):
    for number, year in enumerate((2001, 2030)):
        monkeypatch.setattr("time.localtime", lambda *_, year=year: (year, 1, 1, 0, 0, 0, 0, 1, 0))
        FORMATS[ending](tmp_path / f"{number}{ending}", store, NOTES)
    assert (tmp_path / f"0{ending}").read_bytes() == (tmp_path / f"1{ending}").read_bytes()
    FORMATS[ending](tmp_path / f"empty{ending}", VectorStore(tmp_path / "none", {}), NOTES)
    assert (tmp_path / f"empty{ending}").stat().st_size > 0


def test_a_name_that_no_format_has_and_a_library_that_is_missing_are_said(monkeypatch):
    for name in ("v.csv", "v"):
        with pytest.raises(UserError, match=rf"--out {name}: vectors are written as .npz or .parquet; give a name"):
            require_format(Path(name))
    require_format(Path("v.parquet"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UserError, match=r"--out v\.parquet: Parquet needs pyarrow, .*pip install 'vaer\[parquet\]'"):
        require_format(Path("v.parquet"))
    require_format(Path("v.npz"))

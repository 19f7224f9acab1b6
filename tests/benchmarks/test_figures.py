"""`benchmarks/figures.py`: figures are drawn from the results that lie beside them, as PNG and as PDF."""

from pathlib import Path

import pandas as pd
import pytest
from loading import load_module

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results"
OF_A_MEASUREMENT = {"redrawn_sheet", "long_demo_faces"}
"""Frames of a corpus, and a curve that no JSON holds: nothing here can draw them again."""


@pytest.fixture
def figures():
    return load_module(ROOT / "benchmarks/figures.py")


def test_a_pdf_lies_beside_each_figure():
    lacking = {path.stem for path in RESULTS.rglob("*.png") if not path.with_suffix(".pdf").is_file()}
    assert lacking <= OF_A_MEASUREMENT


def test_seeds_are_drawn_twice_alike(figures, tmp_path):
    rows = {"whole, seed 0": 0.9, "whole, seed 1": 0.7, "voice": 0.4}
    for name in ("once", "again"):
        figures.draw_seeds(rows, tmp_path / name, chance=0.125, ceiling=0.5)
    for ending, begin in ((".png", b"\x89PNG"), (".pdf", b"%PDF")):
        once = (tmp_path / "once").with_suffix(ending).read_bytes()
        assert once.startswith(begin)
        assert once == (tmp_path / "again").with_suffix(ending).read_bytes()


def test_rows_of_a_table_are_those_that_were_compared(figures):
    table = pd.read_csv(RESULTS / "demo_study/table.csv")
    rows = figures.rows_of(RESULTS / "demo_study/table.csv")
    assert [row.name for row in rows] == table["row"].tolist()
    assert [row.scores["uar"].interval.low for row in rows] == table["uar_low"].tolist()
    assert [sum(row.by_seed["uar"]) / len(row.seeds) for row in rows] == pytest.approx(table["uar"].tolist())
    assert rows[0].difference is None
    assert [row.difference.value for row in rows[1:]] == table["difference"].tolist()[1:]

"""The notebook of the docs: its cells run, one after the other, as a person would run them."""

import json
from pathlib import Path

import pytest

NOTEBOOK = json.loads((Path(__file__).parents[1] / "docs/notebook.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_is_kept_without_what_it_printed():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert NOTEBOOK["metadata"]["kernelspec"]["name"] == "python3"
    assert all(cell["outputs"] == [] and cell["execution_count"] is None
               for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_every_cell_runs_in_its_turn(tmp_path, monkeypatch, fresh_accelerator):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for number, cell in enumerate(CELLS):
        exec(compile(cell, f"cell {number} of docs/notebook.ipynb", "exec"), names)
    assert len(names["clips"]) == 48
    metrics = names["metrics"]
    assert (metrics["clips"], metrics["speakers"], len(metrics["classes"])) == (16, 2, 8)
    assert names["timeline"].prediction in metrics["classes"]
    assert Path("timeline.png").read_bytes().startswith(b"\x89PNG")

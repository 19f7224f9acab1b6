"""Sequences, not frames, are what is scored; the table links the frames and keeps a sequence together."""

import json
from pathlib import Path

import pandas as pd
import pytest
from loading import load_module

ck48 = load_module(Path(__file__).parents[2] / "benchmarks/ck48.py")
HEAD = "id,take,path,fold,speaker,label,prediction,happy,sad,frame"


def test_a_sequence_is_a_take(tmp_path, capsys):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "table.csv").write_text(
        "path,label,speaker,sequence,frame\n"
        "happy/a.png,happy,S1,004,17\nhappy/b.png,happy,S1,004,18\nsad/a.png,sad,S2,004,9\n")
    ck48.main(["prepare", str(tmp_path / "published"), str(tmp_path / "data")])
    table = pd.read_csv(tmp_path / "data" / "table.csv")
    assert table["take"].tolist() == ["S1_004", "S1_004", "S2_004"]
    assert table["path"][0] == "frames/happy/a.png"
    assert (tmp_path / "data" / "frames" / "table.csv").is_file()
    assert "3 frames of 2 sequences of 2 people" in capsys.readouterr().out


def test_the_mean_of_its_frames_answers(tmp_path):
    right, wrong = ("0.9,0.1", "0.4,0.6"), ("0.2,0.8", "0.4,0.6")  # means 0.65 and 0.3 of happy
    runs = []
    for fold in range(2):
        for row, answers in (("scratch", wrong), ("after", right)):
            folder = f"runs/{row}{fold}"
            (tmp_path / folder).mkdir(parents=True)
            lines = [HEAD]
            for person in range(4 * fold, 4 * fold + 4):
                lines += [f"h{person}{n},S{person}_h,x,{fold},0{person},happy,?,{answer},{n}"
                          for n, answer in enumerate(answers)]
                lines.append(f"s{person},S{person}_s,x,{fold},0{person},sad,?,0.1,0.9,0")
            (tmp_path / folder / "predictions.csv").write_text("\n".join(lines) + "\n")
            runs.append({"rows": [{"row": row, "fold": fold, "seed": 0}], "folder": folder, "git_commit": "c"})
    (tmp_path / "study.json").write_text(json.dumps({"runs": runs}))
    result = ck48.scored([tmp_path])
    assert (result["sequences"], result["people"]) == (16, 8)
    assert result["rows"]["scratch"]["uar"] == pytest.approx([0.5, 0.5, 0.5])  # nobody happy was found
    assert result["rows"]["after"]["uar"] == pytest.approx([1, 1, 1])
    assert result["rows"]["scratch"]["recall"] == {"happy": 0.0, "sad": 1.0}
    assert list(result["uar_beyond_the_first"]) == ["after"]
    assert result["uar_beyond_the_first"]["after"] == pytest.approx([0.5, 0.5])

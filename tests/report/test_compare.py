import subprocess
import sys

import pandas as pd
import pytest
from makers import leave_scored, make_scored

from vaer.errors import UserError
from vaer.report.compare import compare


def leave(folder, right, seed):
    scored = make_scored(folder, speakers=8, right=right, seed=seed)
    scored.predicted.table["intensity"] = ["normal", "strong"] * 24
    return str(leave_scored(scored))


def test_saved_answers_become_tables_pictures_and_the_clips_that_are_wrong(tmp_path, capsys):
    words = [leave(tmp_path / "whole", 0.9, 0), leave(tmp_path / "voice", 0.5, 1)]
    compare([f"whole={words[0]}", f"voice={words[1]}"], by=["intensity", "label"], out=tmp_path / "out", errors=True)
    shown = capsys.readouterr().out
    assert "by intensity" in shown
    assert f"written to {tmp_path / 'out'}" in " ".join(shown.split())
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    assert table["row"].tolist() == ["whole", "voice"]
    wrong = pd.read_csv(tmp_path / "out" / "errors.csv")
    for name, word in zip(table["row"], words, strict=True):
        predicted = pd.read_csv(f"{word}/predictions.csv")
        missed = predicted[predicted.label != predicted.prediction]
        assert sorted(wrong[wrong.row == name]["id"]) == sorted(missed["id"])
    assert (tmp_path / "out" / "by_intensity.tex").is_file()


def test_runs_of_a_deep_folder_fit_80_columns_with_their_names_whole(tmp_path, capsys):
    deep = tmp_path / "a folder of a name as long as those of studies" / "runs"
    compare([leave(deep / name, right, 0) for name, right in (("whole_fold0", 0.9), ("voice_fold0", 0.5))],
            by=["intensity"], out=None, errors=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("whole_fold0", "voice_fold0"):  # in the table, and by normal and strong
        assert sum(line.split()[:1] == [name] for line in lines) == 3
    assert "a folder" not in "".join(lines)
    assert lines[-1].endswith("among a value's clips: 3.")


def test_without_a_folder_nothing_is_written(tmp_path, capsys):
    run = leave(tmp_path / "run", 0.9, 0)
    before = sorted(tmp_path.rglob("*"))
    compare([run], by=[], out=None, errors=False)
    assert sorted(tmp_path.rglob("*")) == before
    assert "UAR" in capsys.readouterr().out


def test_wrong_flags_are_told_before_anything_is_read(tmp_path):
    with pytest.raises(UserError, match="--errors true: needs --out"):
        compare(["nowhere"], by=[], out=None, errors=True)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--out .*file: is a file"):
        compare(["nowhere"], by=[], out=tmp_path / "file", errors=False)


def test_the_command_costs_no_torch(tmp_path):
    run = leave(tmp_path / "run", 0.9, 0)
    code = ("import sys\nfrom vaer.cli import main\nmain(['compare', sys.argv[1], '--out', sys.argv[1] + '/out'])\n"
            "assert 'torch' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code, run], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "out" / "scores.pdf").read_bytes().startswith(b"%PDF")

import json

import pandas as pd
from makers import make_scored
from matplotlib.axes import Axes

from vaer.evaluation.report import show, write
from vaer.evaluation.scored import PredictionTable, Scored, facts_of, pool


def test_files_carry_the_suffix_and_come_back(tmp_path):
    scored = make_scored(tmp_path / "run")
    write(scored, "_audio")
    assert json.loads((tmp_path / "run" / "metrics_audio.json").read_text()) == scored.facts
    table = pd.read_csv(tmp_path / "run" / "predictions_audio.csv", dtype={"fold": str, "speaker": str})
    pd.testing.assert_frame_equal(table, scored.predicted.table)
    for name in ("confusion_audio.png", "speakers_audio.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


def test_one_run_is_told_in_detail(capsys):
    show([[make_scored("runs/one", temperature=1.5)]])
    shown = capsys.readouterr().out
    assert "runs/one: classes" in shown
    assert "chance 0." in shown
    assert "no interval: 2 test speakers, 8 are needed; UAR of each: 00 " in shown
    assert "with temperature 1.50 of the validation speakers" in shown
    assert "runs/one: told" in shown
    show([[make_scored("runs/one", temperature=1.0)]])
    assert "with temperature 1 (none kept: see docs/evaluation.md)" in " ".join(capsys.readouterr().out.split())


def test_what_the_starting_weights_may_have_seen_is_repeated(capsys):
    show([[make_scored("runs/one", warnings=["x may have seen them"])]])
    assert "runs/one: WARNING: x may have seen them" in capsys.readouterr().out


def test_enough_speakers_show_intervals_and_the_hardest_of_them(capsys):
    scored = make_scored("runs/one", speakers=8)
    show([[scored]])
    shown = capsys.readouterr().out
    low, high = scored.facts["intervals"]["uar"]
    assert f"{scored.facts['uar']:.3f} [{low:.3f}, {high:.3f}]" in shown
    assert "intervals: 95%, 8 speakers resampled; UAR of a speaker from" in shown


def test_what_is_laid_out_fits_80_columns(capsys):
    long = "runs/ravdess of the second series/seed 12"
    remark = "redrawn faces, recorded voices"
    parts = [make_scored(f"{long}/fold{fold}", speakers=8, fold=fold, leaks=["x"], remark=remark) for fold in (0, 1)]
    for part in parts:
        part.facts["intervals"] = dict.fromkeys(("uar", "war", "macro_f1"), (0.123, 0.987))
    show([[*parts, pool(f"{long}/pooled", parts)]])
    laid_out = capsys.readouterr().out.split(": classes")[0]  # before the table of classes and sentences
    assert "[0.123, 0.987]" in laid_out
    assert max(map(len, laid_out.splitlines())) <= 80


def test_folds_stand_above_their_pooled_score_and_runs_are_compared(capsys):
    parts = [make_scored("runs/a/fold0"), make_scored("runs/a/fold1", fold=1, leaks=["x"])]
    show([[*parts, pool("runs/a/pooled", parts)], [make_scored("runs/b")]])
    shown = capsys.readouterr().out
    assert shown.index("runs/a/fold0") < shown.index("runs/a/pooled") < shown.index("mean of its folds")
    low, high = sorted(part.facts["uar"] for part in parts)
    assert f"{low:.3f} to {high:.3f}" in shown
    assert "runs/a/fold1 GUARD LIFTED" in shown
    assert "runs/b against runs/a/pooled: not the same clips" in shown


def test_what_was_adapted_to_stands_in_the_table_and_in_the_pictures(capsys, tmp_path, monkeypatch):
    scored, titles = make_scored(tmp_path / "one", speaker_norm=True, adapt_clips=2), []
    monkeypatch.setattr(Axes, "set_title", lambda self, title, **_: titles.append(title))
    write(scored, "_adapt2")
    assert [title.splitlines()[1] for title in titles] == [
        "adapted to each test speaker over its 2 unlabelled clips"] * 2
    show([[scored]])
    shown = " ".join(capsys.readouterr().out.split())
    assert "one: adapted to each test speaker over its 2 unlabelled clips" in shown


def test_what_was_drawn_stands_in_the_table_and_in_the_pictures(capsys, tmp_path, monkeypatch):
    scored, titles = make_scored(tmp_path / "one", remark="redrawn faces, recorded voices"), []
    monkeypatch.setattr(Axes, "set_title", lambda self, title, **_: titles.append(title))
    write(scored, "")
    assert [title.splitlines()[1] for title in titles] == ["redrawn faces, recorded voices"] * 2
    show([[scored]])
    assert "redrawn faces, recorded voices" in " ".join(capsys.readouterr().out.split())


def test_unknown_speakers_are_said(capsys, tmp_path):
    known = make_scored(tmp_path / "run").predicted
    predicted = PredictionTable(known.table.assign(speaker=""), known.classes, known.setting, known.temperatures)
    scored = Scored(tmp_path / "run", predicted, facts_of(predicted))
    show([[scored]])
    shown = capsys.readouterr().out
    assert "no interval: speakers unknown" in shown
    assert "unknown" in shown.split("no interval")[0]
    write(scored, "")
    assert (tmp_path / "run" / "speakers.png").read_bytes().startswith(b"\x89PNG")

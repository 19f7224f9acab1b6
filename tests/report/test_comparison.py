import io

import numpy as np
import pandas as pd
import pytest
from makers import make_scored

from vaer.errors import UserError
from vaer.evaluation.breakdown import score_by
from vaer.evaluation.comparison import Row, compare_rows
from vaer.report.comparison import figures_by, figures_of, show_comparison, table_of, write_comparison


def rows(names=("whole", "voice", "face"), speakers=8, seeds=2):
    return [Row(name, [make_scored(name, speakers=speakers, right=0.9 - 0.2 * place, seed=seed)
                       for seed in range(seeds)]) for place, name in enumerate(names)]


def test_the_screen_shows_scores_intervals_differences_and_corrected_p(capsys):
    given = rows()
    found = compare_rows(given)
    show_comparison(found, {"label": score_by(given, "label")})
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    for row in found:
        low, high = row.scores["uar"].interval
        assert f"{row.scores['uar'].value:.3f}" in shown
        assert f"[{low:.3f}, {high:.3f}]" in shown
        assert f"{row.scores['macro_f1'].value:.3f}" in shown
    for row in found[1:]:
        low, high = row.difference.interval
        assert f"{row.difference.value:+.3f}" in shown
        assert f"[{low:+.3f}, {high:+.3f}]" in shown
        assert (f"{row.p_corrected:.3f}" if row.p_corrected >= 0.001 else "<0.001") in shown
    assert "48 test clips of 8 speakers" in shown
    assert "95% intervals, bootstrap over speakers and seeds" in shown
    assert "corrected by Holm for 2 differences" in " ".join(shown.split())
    assert "by label" in shown


def test_one_row_is_compared_with_nothing(capsys):
    show_comparison(compare_rows(rows(("a",), seeds=1)), {})
    shown = capsys.readouterr().out
    assert "to the first" not in shown
    assert "Holm" not in shown
    assert "bootstrap over speakers." in shown


def test_rows_without_intervals_and_failed_rows_say_why(capsys):
    found = compare_rows([*rows(("a", "b"), speakers=7), Row("c", [], "ended with status 1")])
    show_comparison(found, {})
    shown = " ".join(capsys.readouterr().out.split())
    assert "failed: ended with status 1" in shown
    assert "no interval: 7 test speakers, 8 are needed" in shown
    assert "Holm" not in shown
    cells = table_of(found).rows[2]
    assert [cell.text for cell in cells] == ["c", "-", "-", "-", "-", "-", "-"]


def test_files_hold_the_same_figures_unrounded(tmp_path):
    given = rows()
    found, by = compare_rows(given), {"label": score_by(given, "label")}
    write_comparison(tmp_path / "out", found, by)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "by_label.csv", "by_label.md", "by_label.tex", "report.html", "scores.pdf", "scores.png", "table.csv",
        "table.md", "table.tex"]
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    for line, row in zip(table.to_dict("records"), found, strict=True):
        assert line["row"] == row.name
        for name, score in row.scores.items():
            assert (line[name], line[f"{name}_low"], line[f"{name}_high"]) == (score.value, *score.interval)
            assert [float(one) for one in line[f"{name}_of_seeds"].split()] == row.by_seed[name]
        if row.difference is not None:
            assert (line["difference"], line["difference_low"], line["difference_high"], line["p"], line["p_holm"]) == (
                row.difference.value, *row.difference.interval, row.difference.p, row.p_corrected)
    assert table["difference"].isna().tolist() == [True, False, False]
    by_label = pd.read_csv(tmp_path / "out" / "by_label.csv")
    np.testing.assert_array_equal(by_label["uar"], [one.scores["uar"].value for one in by["label"]])
    text = (tmp_path / "out" / "table.tex").read_text()
    assert f"{found[1].scores['war'].value:.3f}" in text
    assert f"{found[1].scores['war'].interval.low:.3f}" in text
    assert (tmp_path / "out" / "table.md").read_text().count("\n| ") == 4


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        given = rows(("a", "b"))
        write_comparison(tmp_path / name, compare_rows(given), {"label": score_by(given, "label")},
                         pd.DataFrame({"row": ["a"], "probability": [1 / 3]}))
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    assert (tmp_path / "one" / "errors.csv").read_text() == "row,probability\na,0.3333333333333333\n"


def test_an_attribute_of_any_name_is_a_files_name(tmp_path):
    given = rows(("a",))
    for part in given[0].parts:
        part.predicted.table["../a b"] = "x"
    write_comparison(tmp_path / "out", compare_rows(given), {"../a b": score_by(given, "../a b")})
    assert (tmp_path / "out" / "by_.._a_b.csv").is_file()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match=r"--out .*out: is a file; name a folder"):
        write_comparison(tmp_path / "out", compare_rows(rows(("a",))), {})


def test_figures_of_rows_that_failed_are_empty():
    table = figures_of(compare_rows([Row("a", [], "x"), *rows(("b",))]))
    text = io.StringIO(table.to_csv(index=False))
    assert pd.read_csv(text)["uar"].isna().tolist() == [True, False]
    assert figures_by("label", []).empty

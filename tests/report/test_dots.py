import pytest
from makers import make_scored
from matplotlib.axes import Axes

from vaer.evaluation.comparison import Row, compare_rows
from vaer.report.dots import draw_dots


def rows(*, seeds=2, speakers=8, failed=True):
    given = [Row(name, [make_scored(name, speakers=speakers, right=right, seed=seed) for seed in range(seeds)])
             for name, right in (("whole", 0.9), ("a name that is longer than what fits on one line of a label", 0.5))]
    return compare_rows([*given, *([Row("failed", [], "x")] if failed else [])])


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_same_scores_give_the_same_bytes(tmp_path, ending, start):
    found = rows()
    for name in ("one", "two"):
        draw_dots(found, tmp_path / f"{name}.{ending}")
    one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
    assert one.startswith(start)
    assert one == two
    assert b"CreationDate" not in one


def test_scores_intervals_seeds_and_chance_are_drawn(tmp_path, monkeypatch):
    drawn, lines = [], []
    plot, axvline = Axes.plot, Axes.axvline
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, *other, **how: drawn.append((x, y)) or plot(
        self, x, y, *other, **how))
    monkeypatch.setattr(Axes, "axvline", lambda self, x, **how: lines.append(x) or axvline(self, x, **how))
    found = rows()
    draw_dots(found, tmp_path / "x.png")
    points = [x for x, _ in drawn]
    for row in found[:2]:
        assert row.scores["uar"].value in points
        assert row.scores["uar"].interval in points
        assert row.by_seed["uar"] in points
    assert found[1].difference.value in points
    assert found[1].difference.interval in points
    assert sorted(lines) == pytest.approx([0, 1 / 3])


def test_rows_without_intervals_or_answers_are_drawn_too(tmp_path):
    for name, found in (("few", rows(speakers=7, seeds=1)), ("one", rows(failed=False)[:1]),
                        ("none", compare_rows([Row("a", [], "x")]))):
        draw_dots(found, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 1000

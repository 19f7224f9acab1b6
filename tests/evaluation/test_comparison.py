import numpy as np
import pytest
from makers import make_scored
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, recall_score

from vaer.errors import UserError
from vaer.evaluation.comparison import Row, compare_rows, join, seed_of
from vaer.evaluation.holm import holm

SPEAKERS = 12


def row(name, right, seeds=(0,), folds=(0,), **setting):
    return Row(name, [make_scored(f"{name}_s{seed}", speakers=SPEAKERS, right=right, fold=fold, seed=seed, **setting)
                      for seed in seeds for fold in folds])


def test_every_score_is_that_of_scikit_learn():
    rows = [row("a", 0.5, seeds=(0, 1, 2), folds=(0, 1)), row("b", 0.9, seeds=(3,), folds=(0, 1))]
    for given, found in zip(rows, compare_rows(rows), strict=True):
        for seed, name in enumerate(found.seeds):
            parts = [part.predicted.table for part in given.parts if str(part.facts["seed"]) == name]
            labels, predicted = (np.concatenate([part[column] for part in parts]) for column in ("label", "prediction"))
            assert found.by_seed["uar"][seed] == pytest.approx(recall_score(labels, predicted, average="macro"))
            assert found.by_seed["war"][seed] == pytest.approx(accuracy_score(labels, predicted))
            assert found.by_seed["macro_f1"][seed] == pytest.approx(f1_score(labels, predicted, average="macro"))
        for name, score in found.scores.items():
            assert score.value == pytest.approx(np.mean(found.by_seed[name]))
            assert score.interval.low < score.value < score.interval.high
        assert (found.clips, found.speakers, found.folds) == (2 * SPEAKERS * 6, 2 * SPEAKERS, ["0", "1"])
        assert found.chance == pytest.approx(1 / 3)


def test_intervals_and_p_are_those_of_a_bootstrap_by_scipy():
    rows = [row("a", 0.5), row("b", 0.62, seeds=(1,))]
    first, other = compare_rows(rows)
    tables = [given.parts[0].predicted.table for given in rows]
    # Of each speaker and class: clips, and how many of them each row has right.
    groups = [table.assign(right=table["label"] == table["prediction"]).groupby(["speaker", "label"])["right"]
              for table in tables]
    clips, *right = (own.unstack().to_numpy() for own in (groups[0].size(), groups[0].sum(), groups[1].sum()))
    tail = stats.norm.cdf(-np.sqrt(SPEAKERS / (SPEAKERS - 1)) * stats.t.ppf(0.975, SPEAKERS - 1))

    def uar(number, who):
        return (right[number][who].sum(axis=-2) / clips[who].sum(axis=-2)).mean(axis=-1)

    for number, table in enumerate(tables):
        assert uar(number, np.arange(SPEAKERS)) == pytest.approx(
            recall_score(table["label"], table["prediction"], average="macro"))
    for found, statistic in ((first.scores["uar"], lambda who, axis: uar(0, who)),
                             (other.scores["uar"], lambda who, axis: uar(1, who)),
                             (other.difference, lambda who, axis: uar(1, who) - uar(0, who))):
        scipys = stats.bootstrap((np.arange(SPEAKERS),), statistic, confidence_level=1 - 2 * tail, vectorized=True,
                                 n_resamples=20_000, method="percentile", rng=np.random.default_rng(5))
        assert found.value == pytest.approx(statistic(np.arange(SPEAKERS), -1))
        width = found.interval.high - found.interval.low
        assert found.interval == pytest.approx(tuple(scipys.confidence_interval), abs=0.06 * width)
    beyond = (scipys.bootstrap_distribution <= 0).mean()
    p = 2 * stats.t.sf(stats.norm.isf(beyond) * np.sqrt((SPEAKERS - 1) / SPEAKERS), SPEAKERS - 1)
    assert other.difference.p == pytest.approx(p, rel=0.25)
    assert (other.difference.p < 0.05) == (other.difference.interval.low > 0)


def test_differences_are_to_the_first_row_and_corrected_together():
    rows = [row("a", 0.5), row("b", 0.6, seeds=(1,)), row("c", 0.9, seeds=(2,)), row("d", 0.5, seeds=(3,))]
    found = compare_rows(rows)
    assert found[0].difference is None
    assert found[0].p_corrected is None
    for one in found[1:]:
        assert one.difference.value == pytest.approx(one.scores["uar"].value - found[0].scores["uar"].value)
    assert [one.p_corrected for one in found[1:]] == holm([one.difference.p for one in found[1:]])
    assert found[2].p_corrected < 0.05 < found[3].p_corrected


def test_clips_in_another_order_are_the_same_clips():
    rows = [row("a", 0.5, seeds=(0, 1)), row("b", 0.8, seeds=(0, 1))]
    expected = compare_rows(rows)
    for part in (rows[0].parts[1], rows[1].parts[0]):
        part.predicted.table[:] = part.predicted.table.sort_values("prediction").to_numpy()
    assert compare_rows(rows) == expected


def test_rows_of_other_clips_keep_their_scores_and_say_why_there_is_no_difference():
    _, other, third = compare_rows([row("a", 0.5), row("b", 0.9, folds=(1,)), row("c", 0.9, protocol="q")])
    assert other.difference is None
    assert other.p_corrected is None
    assert other.scores["uar"].interval is not None
    assert "not compared with the first row: other clips (72 and 72, of which 0 are the same)" in other.caveats
    assert "protocol q, not p as in the first row" in third.caveats
    assert third.difference.p == third.p_corrected


def test_a_row_that_failed_stays():
    found = compare_rows([row("a", 0.5), Row("b", [], "ended with status 1"), row("c", 0.6)])
    assert [one.name for one in found] == ["a", "b", "c"]
    assert found[1].caveats == ["failed: ended with status 1"]
    assert (found[1].scores, found[1].difference, found[1].p_corrected) == ({}, None, None)
    assert found[2].difference is not None
    failed, other = compare_rows([Row("b", [], "x"), row("c", 0.6)])
    assert failed.caveats == ["failed: x"]
    assert other.difference is None
    assert "the first row has no answers, so no difference" in other.caveats
    assert compare_rows([]) == []


def test_few_or_unknown_speakers_have_differences_without_intervals():
    few = [Row(name, [make_scored(name, speakers=7, seed=seed)]) for seed, name in enumerate("ab")]
    unknown = [row("a", 0.5), row("b", 0.7, seeds=(1,))]
    for given in unknown:
        given.parts[0].predicted.table["speaker"] = ""
    for rows, speakers in ((few, 7), (unknown, 0)):
        first, other = compare_rows(rows)
        assert first.speakers == speakers
        assert first.scores["uar"].interval is None
        assert (other.difference.interval, other.difference.p, other.p_corrected) == (None, None, None)
        assert other.difference.value == pytest.approx(other.scores["uar"].value - first.scores["uar"].value)
        assert first.caveats[-1].startswith("no interval: ")


@pytest.mark.parametrize(("parts", "message"), [
    ([{"seed": 0}, {"seed": 0}], r"x: 72 clips scored more than once for seed 0 \(0-0, \.\.\.\) by runs/a, runs/a"),
    ([{"seed": 0}, {"seed": 1, "fold": 1}], r"x: seeds 0 and 1 have other clips .*; name the same folds of every seed"),
    ([{"seed": 0}, {"seed": 0, "fold": 1}, {"seed": 1}], r"x: seeds 0 and 1 have other clips \(144 and 72")])
def test_parts_that_do_not_belong_together_are_refused(parts, message):
    with pytest.raises(UserError, match=message):
        join(Row("x", [make_scored(speakers=SPEAKERS, **part) for part in parts]))


@pytest.mark.parametrize(("seed", "told"), [(3, "3"), ([3], "3"), ([0, 1], "0 1"), ([[0], [0]], "0"), ("x", "x")])
def test_a_seed_is_told_as_text(seed, told):
    scored = make_scored()
    assert seed_of(scored._replace(facts=scored.facts | {"seed": seed})) == told

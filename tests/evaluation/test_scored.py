from pathlib import Path

import numpy as np
import pytest
from makers import make_scored
from sklearn.metrics import recall_score

from vaer.errors import RunError, UserError
from vaer.evaluation.aligned import compare
from vaer.evaluation.calibration import calibration_error, scale
from vaer.evaluation.scored import PredictionTable, Scored, average, facts_of, pool


def test_pooled_scores_are_those_of_all_clips_and_the_mean_of_folds_stands_beside():
    parts = [make_scored("a", fold=0, right=0.9), make_scored("b", fold=1, clips=12, right=0.4)]
    pooled = pool("both", parts)
    table = pooled.predicted.table
    assert len(table) == pooled.facts["clips"] == 36
    assert pooled.facts["uar"] == pytest.approx(recall_score(table.label, table.prediction, average="macro"))
    assert pooled.facts["mean_of_folds"]["uar"] == pytest.approx((parts[0].facts["uar"] + parts[1].facts["uar"]) / 2)
    assert pooled.facts["uar"] != pytest.approx(pooled.facts["mean_of_folds"]["uar"])  # the folds are of unlike size
    assert pooled.facts["folds"]["1"]["clips"] == 24
    assert set(pooled.facts["per_speaker"]) == {"00", "01", "10", "11"}
    assert pooled.facts["intervals"] is None


def test_eight_speakers_have_intervals():
    facts = make_scored(speakers=8).facts
    low, high = facts["intervals"]["uar"]
    assert low < facts["uar"] < high


def test_each_fold_is_scaled_by_its_own_temperature():
    parts = [make_scored("a", fold=0, temperature=2.0), make_scored("b", fold=1, temperature=0.5)]
    pooled = pool("both", parts)
    by_hand = np.concatenate([scale(parts[0].predicted.probabilities, 2.0),
                              scale(parts[1].predicted.probabilities, 0.5)])
    assert pooled.facts["calibration"]["error_scaled"] == pytest.approx(
        calibration_error(by_hand, pooled.predicted.labels))
    assert pooled.facts["calibration"]["temperatures"] == {"0": 2.0, "1": 0.5}
    without = pool("both", [parts[0], make_scored("b", fold=1)]).facts["calibration"]
    assert without["error_scaled"] is None
    assert without["error"] == pytest.approx(pooled.facts["calibration"]["error"])


def test_the_networks_of_several_folds_answer_to_another_corpus_by_their_mean():
    parts = [make_scored(f"run/fold{fold}", speakers=8, right=0.4 + 0.3 * fold, seed=fold) for fold in (0, 1)]
    parts[1] = parts[1]._replace(facts=parts[1].facts | {"fold": 1})
    mean = average("run/pooled", parts)
    table = mean.predicted.table
    assert mean.facts["clips"] == len(table) == len(parts[0].predicted.table)
    probabilities = (parts[0].predicted.probabilities + parts[1].predicted.probabilities) / 2
    np.testing.assert_allclose(mean.predicted.probabilities, probabilities)
    assert list(table.prediction) == [("a", "b", "c")[place] for place in probabilities.argmax(axis=1)]
    assert set(table.fold) == {"ensemble"}
    assert mean.facts["fold"] == [0, 1]
    assert mean.facts["mean_of_folds"]["uar"] == pytest.approx((parts[0].facts["uar"] + parts[1].facts["uar"]) / 2)
    assert mean.facts["folds"]["1"]["uar"] == parts[1].facts["uar"]
    assert mean.facts["split"] == "the probabilities of 2 networks averaged: told"
    assert mean.facts["calibration"]["error_scaled"] is None
    with pytest.raises(UserError, match=r"cannot be averaged: a fold stands there twice \(0, 0\)"):
        average("run/pooled", [parts[0], parts[0]])


@pytest.mark.parametrize(("setting", "message"), [
    ({"protocol": "q"}, r"differ in protocol \(p, q\)"), ({"modality": "audio"}, r"differ in modality"),
    ({"adapt_clips": 4}, r"differ in adapt_clips"), ({"speaker_norm": True}, r"differ in speaker_norm"),
    ({"fold": 0}, r"12 clips scored in more than one of them \(0-0, 0-1, 0-2\)")])
def test_what_cannot_be_pooled_is_refused(setting, message):
    other = make_scored("b", **{"fold": 1} | setting)
    with pytest.raises(UserError, match=message):
        pool("both", [make_scored("a"), other])


def test_a_lifted_guard_stays_visible():
    pooled = pool("both", [make_scored("a"), make_scored("b", fold=1, leaks=["speakers 7 stand in train and in test"])])
    assert pooled.facts["leaks"] == ["speakers 7 stand in train and in test"]
    assert "fold 1: GUARD LIFTED" in pooled.facts["split"]


def test_runs_on_the_same_clips_are_compared_by_pairs():
    first, other = make_scored("a", speakers=8, right=0.4), make_scored("b", speakers=8, right=0.9, seed=1)
    told = compare(first, other)
    difference = other.facts["uar"] - first.facts["uar"]
    assert told.startswith(f"b against a: UAR {difference:+.3f} [+")
    assert "paired" in told
    for scored, modality in ((first, "01"), (other, "03")):  # two files of one performance
        table = scored.predicted.table
        table["take"] = table["id"]
        table["id"] = f"{modality}-" + table["id"]
    assert compare(first, other) == told
    assert "no interval (fewer than 8 speakers)" in compare(make_scored("a"), make_scored("b"))
    assert "not the same clips" in compare(first, make_scored("b", speakers=8, fold=1))


@pytest.mark.parametrize(("clips", "used"), [(None, "6"), (4, "4"), (9, "6")])
def test_a_score_says_what_was_adapted_to(clips, used):
    scored = make_scored("a", speaker_norm=True, adapt_clips=clips)
    assert scored.facts["adaptation"] == f"adapted to each test speaker over its {used} unlabelled clips"
    assert make_scored("a").facts["adaptation"] is None
    assert make_scored("a", speaker_norm=True, adapt_clips=0).facts["adaptation"] is None


def test_speakers_with_unlike_numbers_of_clips_are_told_as_a_span():
    parts = [make_scored("a", speaker_norm=True), make_scored("b", fold=1, clips=12, speaker_norm=True)]
    assert pool("both", parts).facts["adaptation"] == (
        "adapted to each test speaker over its 6 to 12 unlabelled clips")
    told = compare(parts[0], make_scored("c"))
    assert "c against a (adapted to each test speaker over its 6 unlabelled clips): UAR" in told


def test_unknown_speakers_leave_scores_without_intervals():
    known = make_scored(speakers=9)
    unknown = [PredictionTable(scored.predicted.table.assign(speaker=""), *list(vars(scored.predicted).values())[1:])
               for scored in (known, make_scored("runs/b", speakers=9, seed=1))]
    facts = facts_of(unknown[0])
    assert (facts["speakers"], facts["intervals"], facts["per_speaker"]) == (0, None, {})
    assert facts["uar"] == known.facts["uar"]
    assert known.facts["intervals"] is not None
    first, other = (Scored(Path(name), predicted, facts_of(predicted)) for name,
                    predicted in zip("ab", unknown, strict=True))
    assert compare(first, other).endswith(", no interval (speakers unknown)")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_probabilities_that_are_no_numbers_are_not_scored(value):
    predicted = make_scored().predicted
    predicted.table.loc[3, "b"] = value
    with pytest.raises(RunError, match="NaN or infinite probabilities in 1 clip, first 0-3: they cannot"):
        facts_of(predicted)

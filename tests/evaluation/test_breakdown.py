import numpy as np
import pytest
from makers import make_scored
from sklearn.metrics import accuracy_score, f1_score, recall_score

from vaer.errors import UserError
from vaer.evaluation.breakdown import score_by
from vaer.evaluation.comparison import Row
from vaer.evaluation.intervals import speaker_intervals


def row(name, seed, **attributes):
    scored = make_scored(name, speakers=8, right=0.6, seed=seed)
    for attribute, values in attributes.items():
        scored.predicted.table[attribute] = np.resize(values, 48)
    return Row(name, [scored])


def test_the_scores_of_each_value_are_those_of_its_clips():
    found = score_by([row("a", 0, intensity=["2", "10"]), row("b", 1, intensity=["2", "10"])], "intensity")
    assert [(one.name, one.value) for one in found] == [("a", "2"), ("a", "10"), ("b", "2"), ("b", "10")]
    table = row("b", 1, intensity=["2", "10"]).parts[0].predicted.table
    own = table[table["intensity"] == "10"]
    assert (found[3].clips, found[3].speakers, found[3].classes) == (24, 8, 3)
    names = own["label"], own["prediction"]
    assert found[3].scores["uar"].value == pytest.approx(recall_score(*names, average="macro"))
    assert found[3].scores["war"].value == pytest.approx(accuracy_score(*names))
    assert found[3].scores["macro_f1"].value == pytest.approx(f1_score(*names, average="macro"))
    places = [np.array(["abc".index(name) for name in column]) for column in names[::-1]]
    assert found[3].scores["uar"].interval == speaker_intervals(*places, own["speaker"].to_numpy(str), 3)["uar"]


def test_classes_that_a_value_lacks_do_not_count():
    found = score_by([row("a", 0)], "label")  # of each label's own clips UAR is its recall
    table = row("a", 0).parts[0].predicted.table
    for one in found:
        own = table[table["label"] == one.value]
        assert one.classes == 1
        assert one.scores["uar"].value == pytest.approx((own["prediction"] == one.value).mean())


def test_values_of_few_speakers_have_no_interval():
    found = score_by([row("a", 0)], "speaker")
    assert [one.value for one in found] == [f"0{number}" for number in range(8)]
    assert {one.scores["uar"].interval for one in found} == {None}
    assert {one.speakers for one in found} == {1}


def test_clips_without_the_attribute_are_a_value_of_their_own():
    assert [(one.value, one.clips) for one in score_by([row("a", 0, sex=["", "male", "male"])], "sex")] == [
        ("", 16), ("male", 32)]


def test_an_attribute_that_is_not_there_is_named_with_what_is():
    with pytest.raises(UserError, match=r"--by sex: the predictions of b have label, speaker, fold, intensity; .* "
                                        r"`vaer evaluate b`"):
        score_by([row("a", 0, sex=["male"], intensity=["1"]), row("b", 1, intensity=["1"])], "sex")


def test_a_row_that_failed_has_none():
    assert score_by([Row("a", [], "x")], "label") == []

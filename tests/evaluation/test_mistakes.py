import numpy as np
import pytest
from makers import make_scored

from vaer.evaluation.comparison import Row, join
from vaer.evaluation.mistakes import mistakes_of, mistakes_of_seeds


def scored(rows, name="runs/a", **setting):
    """Answers to four clips a, b, c, a with these probabilities."""
    made = make_scored(name, speakers=1, clips=4, **setting)
    table = made.predicted.table
    table[["a", "b", "c"]] = np.array(rows)
    table["prediction"] = np.array(["a", "b", "c"])[np.argmax(rows, axis=1)]
    table["path"] = [f"{number}.mp4" for number in range(4)]
    table["intensity"] = ["normal", "strong", "normal", "strong"]
    return made


FIRST = [(0.2, 0.7, 0.1), (0.1, 0.8, 0.1), (0.9, 0.05, 0.05), (0.3, 0.3, 0.4)]  # wrong: 0, 2 and 3


def test_the_surest_wrong_answer_stands_first():
    found = mistakes_of(scored(FIRST).predicted)
    assert list(found)[:4] == ["path", "label", "prediction", "probability"]
    assert found[["path", "label", "prediction"]].to_numpy().tolist() == [
        ["2.mp4", "c", "a"], ["0.mp4", "a", "b"], ["3.mp4", "a", "c"]]
    assert found["probability"].tolist() == pytest.approx([0.9, 0.7, 0.4])
    assert found["probability_of_label"].tolist() == pytest.approx([0.05, 0.2, 0.3])
    assert found["intensity"].tolist() == ["normal", "normal", "strong"]


def test_nothing_wrong_leaves_the_columns():
    found = mistakes_of(scored(np.eye(3)[[0, 1, 2, 0]]).predicted)
    assert len(found) == 0
    assert list(found)[:4] == ["path", "label", "prediction", "probability"]


def test_several_seeds_are_wrong_by_their_mean():
    second = [(0.9, 0.05, 0.05), (0.1, 0.8, 0.1), (0.1, 0.8, 0.1), (0.3, 0.1, 0.6)]  # wrong: 2 and 3
    joined = join(Row("x", [scored(FIRST), scored(second, "runs/b", seed=1)]))
    found = mistakes_of_seeds(joined)
    # Means: clip 0 is right by 0.55 to 0.375; 2 has 0.5, 0.425, 0.075; 3 has 0.3, 0.2, 0.5.
    assert found["path"].tolist() == ["2.mp4", "3.mp4"]
    assert found["prediction"].tolist() == ["a", "c"]
    assert found["probability"].tolist() == pytest.approx([0.5, 0.5])
    assert found["seeds_wrong"].tolist() == ["2 of 2", "2 of 2"]

"""New names for the labels of one's own corpora."""

import pytest

from vaer.config import DataConfig
from vaer.data.corpora.relabel import classes_of, relabel
from vaer.errors import UserError


def config_of(**label_map):
    return DataConfig(corpus="csv", label_map=label_map)


def test_labels_stay_change_or_go():
    renamed = relabel("here", ["sad", "joy", "NA", "01", "sad"], config_of(joy="happy", sad=None))
    assert renamed == {"01": "01", "NA": "NA", "joy": "happy", "sad": None}
    assert classes_of("here", renamed) == ("01", "NA", "happy")


def test_a_class_that_is_called_nothing_is_said(caplog):
    relabel("here", ["sad", "joy"], config_of(joy="None"))
    assert "here: the label map makes a class called 'None'; write null to leave clips out." in caplog.text


@pytest.mark.parametrize(("label_map", "message"), [
    ({"fear": "x"}, "here: the label map names fear, and the labels here are joy, sad; correct"),
    ({"Joy": "x"}, r"names Joy, and the labels here are joy, sad; correct the map \('Joy' and 'joy' are not spelled"),
    ({"joy": "sad", "sad": None}, "leaves sad out and gives that name to another label"),
    ({"joy": None, "sad": None}, r"leaves out every label \(joy, sad\)")])
def test_a_map_that_does_not_go_is_refused(label_map, message):
    with pytest.raises(UserError, match=message):
        relabel("here", ["joy", "sad"], config_of(**label_map))


def test_a_column_of_predictions_is_no_class():
    with pytest.raises(UserError, match="here: has the label 'fold'"):
        classes_of("here", {"x": "fold"})

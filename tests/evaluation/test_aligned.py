import dataclasses

import numpy as np
import pytest
from makers import make_scored

from vaer.evaluation.aligned import align, describe_difference, key_of


def changed(predicted, **columns):
    return dataclasses.replace(predicted, table=predicted.table.assign(**columns))


def test_files_of_one_performance_are_one_clip_by_their_takes():
    one = make_scored().predicted
    names = [f"take{number:02d}" for number in range(12)]
    voice = changed(one, take=names, id=[f"03-{name}" for name in names])
    face = changed(one, take=names, id=[f"02-{name}" for name in names])
    face = dataclasses.replace(face, table=face.table.iloc[::-1])
    assert key_of([voice, face]) == "take"
    assert describe_difference(voice, face) == ""
    first, second = align([voice, face])
    assert voice.table["take"].to_numpy()[first].tolist() == face.table["take"].to_numpy()[second].tolist() == names


def test_where_takes_have_several_clips_ids_count():
    one = make_scored().predicted
    assert key_of([one, one]) == "id"
    assert (one.table["id"].to_numpy()[align([one])[0]] == np.sort(one.table["id"])).all()


@pytest.mark.parametrize(("change", "told"), [
    (lambda one: dataclasses.replace(one, classes=("a", "b")), "other classes (a, b, c, and a, b)"),
    (lambda one: dataclasses.replace(one, table=one.table[:9]), "other clips (12 and 9, of which 9 are the same)"),
    (lambda one: changed(one, id=[f"x{name}" for name in one.table["id"]]),
     "other clips (12 and 12, of which 0 are the same)"),
    (lambda one: changed(one, label=["b", *one.table["label"][1:]]), "other labels for 1 of the clips (0-0)"),
    (lambda one: changed(one, speaker=["z"] * 12), "other speakers for 12 of the clips (0-0, 0-1, 0-10)")])
def test_what_differs_is_told(change, told):
    one = make_scored().predicted
    assert describe_difference(one, change(one)) == told

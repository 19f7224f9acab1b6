"""What holds for every rendering."""

import copy

import pytest
from makers import make_timeline

from vaer.renderings import RENDERINGS


@pytest.mark.parametrize("ending", sorted(RENDERINGS))
def test_a_rendering_writes_one_file_and_leaves_the_timeline_as_it_is(tmp_path, ending):
    timeline = make_timeline()
    before = copy.deepcopy(timeline.content)
    timeline.save(tmp_path / f"a \u00e9.{ending}")
    assert [path.name for path in tmp_path.iterdir()] == [f"a \u00e9.{ending}"]
    assert (tmp_path / f"a \u00e9.{ending}").stat().st_size > 0
    assert timeline.content == before


@pytest.mark.parametrize("ending", sorted(RENDERINGS))
def test_a_timeline_without_any_answer_is_rendered_too(tmp_path, ending):
    content = copy.deepcopy(make_timeline().content)
    content["mean"]["probabilities"] = None
    for window in content["windows"]:
        window["probabilities"] = window["video"] = None
    make_timeline(**content).save(tmp_path / f"a.{ending}")
    assert (tmp_path / f"a.{ending}").is_file()

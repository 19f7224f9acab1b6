import dataclasses

import pytest
from makers import make_recipe

from vaer.config import ClipConfig
from vaer.errors import UserError
from vaer.inference.plan import ShotWindows, make_plan


def spans(windows):
    return [(round(window.start_s, 3), round(window.end_s, 3)) for window in windows]


def test_what_is_as_short_as_a_clip_is_cut_like_one():
    plan = make_plan(make_recipe())  # whole clips, the longest of 2.5 s
    assert (plan.window_s, plan.step_s, plan.whole_s) == (2.0, 1.0, 3.125)
    windows = ShotWindows(plan, 1.0, 0.0)
    assert windows.due(4.1) == []
    assert spans(windows.last(4.1)) == [(1.0, 4.1)]
    assert spans(ShotWindows(plan, 0.0, 0.0).last(3.0, (0.5, 2.5))) == [(0.5, 2.5)]  # trimmed


def test_views_are_those_of_evaluation():
    recipe = make_recipe(clip=ClipConfig(num_frames=8, size=32, window_s=1.0), views=3)
    assert spans(ShotWindows(make_plan(recipe), 0.0, 0.0).last(2.0)) == [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)]
    assert spans(ShotWindows(make_plan(recipe), 0.0, 0.0).last(0.8)) == [(0.0, 0.8)]  # three times the same


def test_what_is_longer_is_cut_into_overlapping_windows_to_its_end():
    windows = ShotWindows(make_plan(make_recipe()), 10.0, 0.0)
    assert spans(windows.due(13.1)) == []  # may still be a short one
    assert spans(windows.due(13.2)) == [(10.0, 12.0), (11.0, 13.0)]
    assert spans(windows.due(14.1)) == [(12.0, 14.0)]
    assert spans(windows.last(15.5)) == [(13.0, 15.0), (13.5, 15.5)]


@pytest.mark.parametrize("known", [[13.2, 14.1, 15.2], [15.2], [], [x / 7 for x in range(70, 107)]])
def test_windows_do_not_depend_on_when_they_are_asked_for(known):
    windows = ShotWindows(make_plan(make_recipe()), 10.0, 1.0)
    found = [window for moment in known for window in windows.due(moment)] + windows.last(15.2)
    assert spans(found) == [(10.0, 12.0), (11.0, 13.0), (12.0, 14.0), (13.0, 15.0), (13.2, 15.2)]


def test_nothing_is_asked_behind_windows_that_reach_the_end():
    assert spans(ShotWindows(make_plan(make_recipe()), 0.0, 0.0).last(4.0)) == [(0.0, 2.0), (1.0, 3.0), (2.0, 4.0)]


def test_steps_that_would_leave_gaps_are_refused():
    assert make_plan(make_recipe(), 2.0).step_s == 2.0
    with pytest.raises(UserError, match=r"--step_s 2.1 is longer than the windows"):
        make_plan(make_recipe(), 2.1)
    with pytest.raises(UserError, match=r"--step_s is 0"):
        make_plan(make_recipe(), 0.0)


def test_clips_of_minutes_do_not_fill_the_memory():
    lengths = make_recipe().lengths._replace(longest_clip_s=600.0)
    assert make_plan(dataclasses.replace(make_recipe(), lengths=lengths)).whole_s == 15.0

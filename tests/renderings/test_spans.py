import pytest
from makers import make_timeline

from vaer.renderings.spans import Span, spans_of


def test_windows_meet_in_the_middle_of_what_they_share_and_equal_ones_are_joined():
    timeline = make_timeline()
    assert spans_of(timeline) == [Span("face 1", 0.0, 1.5, "a", 0.9), Span("face 1", 1.5, 3.0, "b", 0.8),
                                  Span("voice", 1.0, 3.0, "a", 0.5)] or spans_of(timeline) == [
        Span("face 1", 0.0, 1.5, "a", 0.9), Span("voice", 1.0, 3.0, "a", 0.5), Span("face 1", 1.5, 3.0, "b", 0.8)]


def test_equal_windows_are_one_span_of_their_mean():
    timeline = make_timeline()
    timeline.windows[1]["probabilities"] = {"a": 0.6, "b": 0.4}
    assert spans_of(timeline)[0] == Span("face 1", 0.0, 3.0, "a", pytest.approx(0.75))


def test_windows_that_do_not_meet_stay_apart_and_those_without_an_answer_are_left_out():
    timeline = make_timeline()
    timeline.windows[1] |= {"start_s": 2.5, "end_s": 3.0, "probabilities": {"a": 0.6, "b": 0.4}}
    timeline.windows[2]["probabilities"] = None
    assert [(span.start_s, span.end_s) for span in spans_of(timeline)] == [(0.0, 2.0), (2.5, 3.0)]

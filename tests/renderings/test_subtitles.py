import pytest
from makers import make_timeline

from vaer.renderings.subtitles import render_subtitles, stamp


def test_subtitles_say_what_holds_from_when_to_when(tmp_path):
    timeline = make_timeline()
    timeline.windows.pop()
    timeline.content["tracks"].pop()
    render_subtitles(timeline, tmp_path / "a.srt")
    assert (tmp_path / "a.srt").read_text() == ("1\n00:00:00,000 --> 00:00:01,500\na 0.90\n\n"
                                                "2\n00:00:01,500 --> 00:00:03,000\nb 0.80\n")


def test_several_tracks_are_named(tmp_path):
    render_subtitles(make_timeline(), tmp_path / "a.srt")
    assert "face 1: b 0.80" in (tmp_path / "a.srt").read_text()
    assert "voice: a 0.50" in (tmp_path / "a.srt").read_text()


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "00:00:00,000"), (59.9996, "00:01:00,000"),
                                               (3723.4567, "01:02:03,457")])
def test_stamps_carry_over(seconds, text):
    assert stamp(seconds) == text

from makers import make_timeline

from vaer.renderings.webvtt import render_webvtt


def test_cues_name_their_track(tmp_path):
    timeline = make_timeline()
    timeline.windows.pop()
    render_webvtt(timeline, tmp_path / "a.vtt")
    assert (tmp_path / "a.vtt").read_text() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n<v face 1>a 0.90\n\n"
        "00:00:01.500 --> 00:00:03.000\n<v face 1>b 0.80\n")

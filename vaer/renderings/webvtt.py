"""A timeline as the subtitles of browsers."""

from pathlib import Path

from vaer.renderings.spans import spans_of
from vaer.renderings.subtitles import stamp
from vaer.renderings.timeline import Timeline


def render_webvtt(timeline: Timeline, path: Path) -> None:
    """Write a WebVTT: a cue for each span of each track; the name of the track is its voice tag."""
    cues = [f"{_stamp(span.start_s)} --> {_stamp(span.end_s)}\n"
            f"<v {span.track}>{span.prediction} {span.probability:.2f}\n" for span in spans_of(timeline)]
    path.write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")


def _stamp(seconds: float) -> str:
    return stamp(seconds).replace(",", ".")

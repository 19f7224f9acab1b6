"""A timeline as subtitles that any player shows over the film."""

from pathlib import Path

from vaer.renderings.spans import spans_of
from vaer.renderings.timeline import Timeline


def render_subtitles(timeline: Timeline, path: Path) -> None:
    """Write an SRT: the likeliest class of each track while it stays the same, with its mean probability."""
    several = len(timeline.tracks) > 1
    lines = []
    for number, span in enumerate(spans_of(timeline), start=1):
        text = f"{span.track}: " * several + f"{span.prediction} {span.probability:.2f}"
        lines.append(f"{number}\n{stamp(span.start_s)} --> {stamp(span.end_s)}\n{text}\n")
    path.write_text("\n".join(lines), encoding="utf-8")


def stamp(seconds: float) -> str:
    """Seconds as SRT writes them: 01:02:03,456."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{milliseconds:03d}"

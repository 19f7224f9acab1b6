"""A timeline as a table for spreadsheets."""

from pathlib import Path

from vaer.renderings.timeline import Timeline


def render_table(timeline: Timeline, path: Path) -> None:
    """Write a CSV, a row a window of a track; with the mark by which Excel knows UTF-8."""
    timeline.to_frame().to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")

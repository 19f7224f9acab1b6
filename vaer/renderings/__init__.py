"""What is made of a timeline, and of nothing else: a table by the ending of the file."""

from collections.abc import Callable
from pathlib import Path

from vaer.renderings.image import render_image
from vaer.renderings.subtitles import render_subtitles
from vaer.renderings.table import render_table
from vaer.renderings.timeline import Timeline
from vaer.renderings.webvtt import render_webvtt

Rendering = Callable[[Timeline, Path], None]
"""Writes one file."""

RENDERINGS: dict[str, Rendering] = {
    "csv": render_table,
    "png": render_image,
    "srt": render_subtitles,
    "vtt": render_webvtt,
}

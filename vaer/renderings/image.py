"""A timeline as an image: probabilities over time, a band a track, the waveform under them."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaer.renderings.spans import Span, spans_of
from vaer.renderings.timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TRACKS = 12
"""Bands of one image; of more tracks the longest are drawn, and the title says so."""
SHORTEST = 0.045
"""Of the width: a narrower span has no word in it."""


def render_image(timeline: Timeline, path: Path) -> None:
    """Write a PNG, legible in black and white: classes are rows with names, a probability is how dark its row is."""
    tracks = sorted(timeline.tracks, key=lambda track: track["start_s"] - track["end_s"])[:MOST_TRACKS]
    tracks.sort(key=lambda track: track["start_s"])
    classes, duration_s = timeline.classes, timeline.content["recording"]["duration_s"]
    levels = timeline.content["recording"]["levels"]
    height = 0.16 * len(classes) + 0.35
    heights = [height] * len(tracks) + [0.7] * (levels is not None)
    # Half a second, for which whoever draws nothing does not wait.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.3 + sum(heights) + 0.12 * len(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(max(1, len(heights)), 1, sharex=True, squeeze=False, height_ratios=heights or [1])[:, 0]
    spans = spans_of(timeline)
    for band, track in zip(axes, tracks, strict=False):
        own = [window for window in timeline.windows if window["track"] == track["track"] and window["probabilities"]]
        _draw_band(band, track["track"], own, [span for span in spans if span.track == track["track"]], classes,
                   duration_s)
    if levels is not None:
        _draw_waveform(axes[-1], levels)
    axes[-1].set_xlim(0, duration_s)
    axes[-1].set_xlabel("seconds")
    figure.suptitle(_title(timeline, len(timeline.tracks) - len(tracks)), fontsize="medium")
    figure.savefig(path, dpi=120)


def _draw_band(axes: "Axes", name: str, windows: list[dict[str, Any]], spans: list[Span], classes: tuple[str, ...],
               duration_s: float) -> None:
    """Each window as a column of grey fields between the middles of its overlaps; over them the likeliest class."""
    for number, window in enumerate(windows):
        start_s, end_s = window["start_s"], window["end_s"]
        if number and windows[number - 1]["end_s"] > start_s:
            start_s = (start_s + windows[number - 1]["end_s"]) / 2
        if number + 1 < len(windows) and windows[number + 1]["start_s"] < end_s:
            end_s = (end_s + windows[number + 1]["start_s"]) / 2
        if end_s <= start_s:  # three that show the same part: the outer ones share it
            continue
        column = np.array([[window["probabilities"][label]] for label in classes])
        axes.imshow(column, extent=(start_s, end_s, len(classes) - 0.5, -0.5), cmap="Greys", vmin=0, vmax=1,
                    aspect="auto", interpolation="nearest")
    for span in spans:
        axes.axvline(span.start_s, color="0.55", linewidth=0.6)
        if span.end_s - span.start_s > SHORTEST * duration_s:
            axes.text((span.start_s + span.end_s) / 2, -0.75, f"{span.prediction} {span.probability:.2f}", ha="center",
                      va="bottom", fontsize=7, clip_on=False)
    axes.set_yticks(range(len(classes)), classes, fontsize=6)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_xlim(0, duration_s)
    axes.set_ylabel(name, fontsize=8)


def _draw_waveform(axes: "Axes", levels: dict[str, Any]) -> None:
    peaks = np.array(levels["peaks"])
    times = (np.arange(len(peaks)) + 0.5) * levels["step_s"]
    axes.fill_between(times, -peaks, peaks, color="0.25", linewidth=0)
    reach = max(float(peaks.max(initial=0.0)), 0.01) * 1.1
    axes.set_ylim(-reach, reach)
    axes.set_yticks([])
    axes.set_ylabel("waveform", fontsize=8)


def _title(timeline: Timeline, left_out: int) -> str:
    name = Path(timeline.content["recording"]["path"] or "arrays").name
    mean = timeline.mean["probabilities"]
    summary = "nothing to answer from" if mean is None else f"{timeline.prediction} {max(mean.values()):.2f} on average"
    more = [f"{left_out} shorter tracks are not drawn"] if left_out else []
    return "\n".join(textwrap.fill(line, 110) for line in [f"{name}: {summary}", *more, *timeline.notes])

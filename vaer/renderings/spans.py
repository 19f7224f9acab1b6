"""From overlapping windows to spans that follow one another."""

from typing import Any, NamedTuple

from vaer.renderings.timeline import Timeline, likeliest


class Span(NamedTuple):
    """From when to when a track has the same likeliest class, seconds."""

    track: str
    start_s: float
    end_s: float
    prediction: str
    probability: float
    """The mean of its windows."""


def spans_of(timeline: Timeline) -> list[Span]:
    """The spans of every track: a window stands for what is nearer to its middle than to that of its neighbours."""
    found: list[Span] = []
    for track in dict.fromkeys(window["track"] for window in timeline.windows):
        own = [window for window in timeline.windows if window["track"] == track and window["probabilities"]]
        found += _merged(track, sorted(own, key=lambda window: window["start_s"]))
    return sorted(found, key=lambda span: (span.start_s, span.track))


def _merged(track: str, windows: list[dict[str, Any]]) -> list[Span]:
    edges = [(window["start_s"], window["end_s"]) for window in windows]
    for number in range(len(windows) - 1):
        (start_s, end_s), (after_s, after_end_s) = edges[number], (windows[number + 1]["start_s"], edges[number + 1][1])
        if after_s < end_s:
            middle_s = (after_s + windows[number]["end_s"]) / 2
            edges[number], edges[number + 1] = (start_s, middle_s), (middle_s, after_end_s)
    groups: list[list[int]] = []
    for number, window in enumerate(windows):
        last = groups[-1][-1] if groups else None
        if last is not None and edges[last][1] == edges[number][0] and (
                likeliest(windows[last]["probabilities"]) == likeliest(window["probabilities"])):
            groups[-1].append(number)
        else:
            groups.append([number])
    return [Span(track, edges[group[0]][0], edges[group[-1]][1], str(likeliest(windows[group[0]]["probabilities"])),
                 sum(max(windows[number]["probabilities"].values()) for number in group) / len(group))
            for group in groups]

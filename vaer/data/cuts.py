"""Which clips are longer than the longest window, so that only their middle is seen and heard."""

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

import torch

from vaer.config import ClipConfig
from vaer.data import windows
from vaer.data.dataset import EvaluationClips, TrainingClips, span
from vaer.errors import MediaError
from vaer.media.probe import probe
from vaer.records import Item
from vaer.words import counted

MOST_S = 3.0
"""Seconds that a run spends on files whose length nobody tells before it says its first lines."""


class Cuts(NamedTuple):
    """What is known of clips before they are read."""

    clips: int
    cut: int
    """How many are longer than the longest window."""
    longest_s: float
    """How long the longest of those is."""
    unknown: int
    """How many were not looked at: that takes too long, or their files cannot be read."""


def find_cuts(items: Sequence[Item], config: ClipConfig, most_s: float = MOST_S) -> Cuts:
    """How many of some clips will be cut to their middle; files of unknown length are asked, for `most_s` seconds."""
    if config.window_s is not None:
        return Cuts(len(items), 0, 0.0, 0)
    began, cut, longest_s, unknown = perf_counter(), 0, 0.0, 0
    for item in items:
        if item.duration_s is not None and (config.trim_db is None or item.duration_s <= config.max_seconds):
            limits = (0.0, item.duration_s)
        elif perf_counter() - began > most_s:
            unknown += 1
            continue
        else:
            try:
                limits = (0.0, probe(item.path).duration_s) if item.duration_s is None else (0.0, item.duration_s)
                if windows.is_cut(limits, config) and config.trim_db is not None:  # whose audio is decoded for it
                    limits = span(item, config)
            except MediaError:  # whoever reads it says so
                unknown += 1
                continue
        if windows.is_cut(limits, config):
            cut, longest_s = cut + 1, max(longest_s, limits[1] - limits[0])
    return Cuts(len(items), cut, longest_s, unknown)


def describe_cuts(kind: str, cuts: Cuts, config: ClipConfig) -> str:
    """What the first lines of a run say of it; nothing where all clips of this `kind` are known to be whole."""
    clauses = []
    if cuts.cut:
        clauses.append(f"{cuts.cut} of {counted(cuts.clips, f'{kind} clip')} longer than data.max_seconds "
                       f"{config.max_seconds:g} (up to {cuts.longest_s:.1f} s): cut to the middle")
    if cuts.unknown:
        clauses.append(f"how long {cuts.unknown} of {cuts.clips} {kind} clips are is seen when they are read; what is "
                       f"longer than data.max_seconds {config.max_seconds:g} is cut to its middle")
    return "; ".join(clauses)


def count_cut(clips: TrainingClips | EvaluationClips) -> torch.Tensor:
    """(2,) int64: how many of the clips that were read so far were cut to their middle, and how many were read."""
    return torch.stack([(clips.cut == 1).sum(), (clips.cut >= 0).sum()])


def describe_counted_cuts(kind: str, cut: int, clips: int, config: ClipConfig) -> str:
    """What is said of `clips` clips that have been read."""
    return (f"{cut} of {counted(clips, f'{kind} clip')} longer than data.max_seconds {config.max_seconds:g}, "
            f"cut to the middle")

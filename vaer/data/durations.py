"""How long a clip is: as its file says, whatever a table or a manifest says of it."""

import logging

from vaer.errors import MediaError
from vaer.media.probe import probe
from vaer.records import Item

CLOSE_S, CLOSE = 0.1, 0.02
"""Seconds, or share of the duration, that programs may differ in for one file."""
GROSS_S, GROSS = 0.5, 1.5
"""Beyond both, a difference and a ratio, the figure is of another unit or of another file."""
log = logging.getLogger("vaer")
_warned: list[str] = []


def duration_of(item: Item) -> float:
    """Seconds of a clip by its file; a `duration_s` that says something else is warned of, once in a process.

    Raises MediaError where that is far from it: whatever else the row says may be another file's, too.
    """
    seconds, listed = probe(item.path).duration_s, item.duration_s
    if listed is None or abs(listed - seconds) <= max(CLOSE_S, CLOSE * seconds):
        return seconds
    difference = f"lasts {seconds:.2f} s, and the column duration_s of its table or manifest.csv says {listed:g} s"
    if abs(listed - seconds) > GROSS_S and max(listed / seconds, seconds / listed) > GROSS:
        unit = " (milliseconds, it seems)" * (900 < listed / seconds < 1100)
        raise MediaError(item.path, f"{difference}{unit}; correct the column, or leave it out: the file is asked then")
    if not _warned:
        _warned.append(item.path)
        log.warning("%s: %s; the file's own is taken, here and wherever else they differ.", item.path, difference)
    return seconds

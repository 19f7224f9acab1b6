"""How long the windows are that training sees."""

from collections.abc import Sequence

import numpy as np

from vaer.config import ClipConfig
from vaer.data import windows
from vaer.data.dataset import span
from vaer.records import Item

MOST = 500
"""Files that are opened for it, evenly spread: of a million clips nobody would wait for all."""


def window_lengths(items: Sequence[Item], config: ClipConfig) -> tuple[np.ndarray, np.ndarray]:
    """(at most 500,) seconds of the windows that clips give, and of those clips; evenly spread over `items`.

    A clip is what windows may lie in. Raises MediaError.
    """
    chosen = np.unique(np.linspace(0, len(items) - 1, min(MOST, len(items))).round().astype(int))
    spans = [span(items[number], config) for number in chosen]
    return np.array([windows.length_s(one, config) for one in spans]), np.array([end_s - start_s for start_s, end_s in
                                                                                 spans])

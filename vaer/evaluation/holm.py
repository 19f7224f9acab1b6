"""Several tests at once: Holm's step-down correction (1979, Scandinavian Journal of Statistics 6(2), 65-70)."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p-values in the given order: below 0.05, say, none of those chosen is wrong 95 times in 100.

    The smallest is taken times their number, the next times one less, and so on; none is below one before it, and
    none is above 1.
    """
    values = np.asarray(p_values, dtype=float)
    assert ((values >= 0) & (values <= 1)).all(), "these are no p-values"
    order = np.argsort(values, kind="stable")
    corrected = np.empty(len(values))
    corrected[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    return corrected.tolist()

"""Steps of clips of like length, so that less of the audio is padding."""

from functools import partial
from multiprocessing.pool import ThreadPool

import numpy as np
from accelerate.utils import gather_object
from numpy.random import Generator
from rich.progress import track

from vaer.config import DataConfig
from vaer.data import windows
from vaer.data.dataset import span
from vaer.errors import MediaError
from vaer.records import Item

STEPS_A_GROUP = 32  # clips are sorted within these: long enough for like neighbours, short enough for chance


def by_length(order: np.ndarray, seconds: np.ndarray, batch_size: int, rng: Generator) -> np.ndarray:
    """(steps * batch_size,) the clips of `order` in steps of like length, the last incomplete step dropped.

    `seconds` is the length of every clip of the corpus; groups of an order drawn before are sorted by it, their steps
    shuffled.
    """
    steps = len(order) // batch_size
    order = order[:steps * batch_size].copy()
    for first in range(0, len(order), STEPS_A_GROUP * batch_size):
        group = order[first:first + STEPS_A_GROUP * batch_size]  # a view: sorted where it lies
        group[:] = group[np.argsort(seconds[group], kind="stable")]
    return order.reshape(steps, batch_size)[rng.permutation(steps)].reshape(-1)


def window_seconds(items: list[Item], config: DataConfig, *, rank: int, world: int) -> np.ndarray:
    """(items,) seconds of the window that each clip gives, equal on all processes.

    What neither the corpus nor its manifest tells is measured, each process a share: a probe of the file, with
    `config.trim_db` its audio from end to end. Raises the MediaError of a file that cannot be read, on all processes.
    """
    if config.trim_db is None and all(item.duration_s is not None for item in items):
        return np.array([_seconds(item, config) for item in items])
    seconds = np.empty(len(items))
    for number, share in enumerate(gather_object([_measured(items[rank::world], config, shown=rank == 0)])):
        if isinstance(share, MediaError):
            raise share
        seconds[number::world] = share
    return seconds


def _measured(items: list[Item], config: DataConfig, *, shown: bool) -> list[float] | MediaError:
    """Seconds of the clips, or what is wrong with one: raised here alone it would leave other processes waiting."""
    with ThreadPool(max(1, config.num_workers)) as pool:
        found = pool.imap(partial(_seconds, config=config), items, chunksize=16)
        try:
            return list(track(found, "lengths of the training clips", len(items), transient=True, disable=not shown))
        except MediaError as error:
            return error


def _seconds(item: Item, config: DataConfig) -> float:
    return windows.length_s(span(item, config), config)

"""Items for worker processes that share their memory."""

import pickle
from collections.abc import Sequence

import numpy as np

from vaer.records import Item


class PackedItems(Sequence[Item]):
    """Items in two blocks of bytes.

    A forked worker that reads a list of objects counts references in them, and so copies page after page of the list
    into memory of its own; of these blocks it copies none.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        parts = [pickle.dumps(tuple(item)) for item in items]
        self.ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
        self.content = b"".join(parts)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> Item:
        first = self.ends[index - 1] if index else 0
        return Item(*pickle.loads(self.content[first:self.ends[index]]))

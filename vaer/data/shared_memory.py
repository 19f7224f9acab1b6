"""Whether the batches that decoding processes hand over fit into shared memory, which Docker makes 64 MB."""

import math
import os
from pathlib import Path

from torch import Tensor

from vaer.config import SAMPLE_RATE
from vaer.errors import UserError
from vaer.records import Batch

SHM = Path("/dev/shm")
REMEDY = ("give the container more (docker run --shm-size {size}), or decode without processes (--data.num_workers 0; "
          "of evaluate.py --num_workers 0)")
PREFETCHED = 2  # batches that torch asks of each process ahead


def require_room(batch_bytes: int, *, num_workers: int, together: int, batches: int) -> None:
    """Refuse decoding processes whose batches in flight need more shared memory than is free.

    Those are the ones asked for ahead and the `together` ones in use, but not more than all `batches` of a pass, for
    each process of this machine that trains. A system without such a file system passes.
    """
    if not num_workers or not SHM.is_dir():
        return
    in_flight = min(batches, num_workers * PREFETCHED + together)
    processes = max(1, _number("LOCAL_WORLD_SIZE"))
    needed, found = batch_bytes * in_flight * processes, os.statvfs(SHM)
    free = found.f_bavail * found.f_frsize
    if needed > free:
        raise UserError(f"{SHM}: has {_mega(free)} free, and the {in_flight * processes} batches in flight, of "
                        f"{_mega(batch_bytes)} each, need {_mega(needed)} ({num_workers} decoding processes); "
                        f"{_remedy(needed)}.")


def batch_bytes(rows: int, *, frames: int, size: int, seconds: float) -> int:
    """Bytes of `rows` clips of so many frames of size x size pixels (0 for none) with so many seconds of waveform."""
    return rows * (frames * size * size * 3 + round(seconds * SAMPLE_RATE) * 4)


def shared(batch: Batch) -> Batch | UserError:
    """The batch in shared memory, or what to say where that is full.

    A process that hands a batch over does this behind Python's back, where a failure loses the batch without a word.
    """
    try:
        for part in batch:
            if isinstance(part, Tensor):
                part.share_memory_()
    except RuntimeError as error:
        if "No space left" not in str(error):
            raise
        size = sum(part.nbytes for part in batch if isinstance(part, Tensor))
        return UserError(f"{SHM}: is full, and a batch of {_mega(size)} does not fit; {_remedy(size * 8)}.")
    return batch


def _remedy(needed: int) -> str:
    return REMEDY.format(size=f"{math.ceil(needed * 1.25 / 2**30)}g")


def _mega(count: int) -> str:
    return f"{count / 2**20:.0f} MB"


def _number(name: str) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else 1

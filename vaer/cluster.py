"""A Dask cluster: whether it is there, and how many work on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vaer.errors import UserError

ANSWER_S = 10.0  # how long the scheduler has to answer
WORKERS_S = 60.0  # how long the first worker is waited for


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the cluster whose scheduler is at `address`; raises UserError where none answers, or has a worker."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UserError("--scheduler wants Dask, which is not installed; `pip install 'vaer[dask]'`.") from error
    try:
        client = Client(address, timeout=ANSWER_S)
    except (OSError, ValueError) as error:
        raise UserError(f"--scheduler {address}: no Dask scheduler answers there ({error}); start one with `dask "
                        f"scheduler`, and `dask worker {address}` on every machine.") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError as error:
            raise UserError(f"--scheduler {address}: has no worker; start some with `dask worker "
                            f"{address}`.") from error
        yield client


def num_threads(client: Any) -> int:
    """Threads of all workers together."""
    return sum(client.nthreads().values())

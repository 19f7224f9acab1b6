"""The same work on a Dask cluster: the scheduler hands out files, a lost worker's go to another."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from itertools import islice
from typing import Any

from vaer.cluster import connected, num_threads
from vaer.errors import MediaError, RunError
from vaer.prepare.isolated import Child, Job

AT_ONCE = 4  # jobs handed out for each thread of the cluster
OF_THREAD = threading.local()


def each_on_cluster(address: str, function: Callable[..., Any], jobs: Iterable[Job], *,
                    timeout_s: float) -> Iterator[tuple[str, Any]]:
    """Path and result of every job, in the order in which they end; a MediaError stands for a result that failed.

    Calls run in a process of their own beside each thread of a worker, so that a decoder that hangs or crashes does
    not take the worker along. Raises UserError where no cluster answers, RunError where it goes away.
    """
    with connected(address) as client:
        from distributed import KilledWorker, as_completed

        threads = num_threads(client)
        jobs = iter(jobs)
        flow, paths = as_completed([], with_results=False), {}

        def hand_out(number: int) -> None:
            for path, arguments in islice(jobs, number):
                future = client.submit(_call, function, list(arguments), path, timeout_s, pure=False)
                paths[future.key] = path
                flow.add(future)

        hand_out(AT_ONCE * threads)
        for future in flow:
            hand_out(1)
            path = paths.pop(future.key)
            try:
                answer = future.result()
            except KilledWorker as error:
                answer = MediaError(path, f"{error.allowed_failures + 1} workers were lost over it; try it alone, or "
                                          f"leave it out")
            except CancelledError as error:
                raise RunError(f"--scheduler {address}: the cluster went away; everything that was done is kept, go on "
                               f"by the same command.") from error
            yield path, answer


def _call(function: Callable[..., Any], arguments: list, path: str, timeout_s: float) -> Any:
    """On a worker: the answer of the process beside this thread of it."""
    if not hasattr(OF_THREAD, "child"):
        OF_THREAD.child = Child()
    try:
        return OF_THREAD.child.call(function, arguments, path, timeout_s)
    except MediaError as error:
        return error

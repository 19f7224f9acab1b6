"""Work on files in processes that can be killed: a decoder that hangs or crashes costs its file and nothing else."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, TimeoutError, wait
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from typing import Any

from pebble import ProcessExpired, ProcessPool

from vaer.errors import MediaError

Job = tuple[str, tuple]
"""The file that a call is about, and the arguments of the call."""
AT_ONCE = 4  # jobs handed out for each process: a million are not kept in memory
FOREIGN_SIGNALS = (signal.SIGKILL, signal.SIGTERM)  # sent from outside, for want of memory say: not the file's fault
ATTEMPTS = 3


def each_isolated(function: Callable[..., Any], jobs: Iterable[Job], *, processes: int,
                  timeout_s: float) -> Iterator[tuple[str, Any]]:
    """Path and result of every job, in the order in which they end; a MediaError stands for a result that failed.

    `function` belongs to a module, since the processes are started anew. One that takes longer than `timeout_s` is
    killed with its process. Ends all processes when the caller stops.
    """
    jobs, attempts = iter(jobs), {}
    with ProcessPool(processes, initializer=_ignore_interrupts, context=get_context("spawn")) as pool:
        running = {}
        try:
            while True:
                for path, arguments in islice(jobs, AT_ONCE * processes - len(running)):
                    running[pool.schedule(function, arguments, timeout=timeout_s)] = (path, arguments)
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    path, arguments = running.pop(future)
                    if _lost(future):
                        attempts[path] = attempts.get(path, 0) + 1
                        if attempts[path] < ATTEMPTS:
                            running[pool.schedule(function, arguments, timeout=timeout_s)] = (path, arguments)
                            continue
                    yield path, _result(future, path, timeout_s)
        finally:
            pool.stop()


def call_in_child(function: Callable[..., Any], arguments: list, path: str, timeout_s: float) -> Any:
    """The result of one call in a new interpreter, where the process at hand may have no children of its kind.

    Arguments and result are plain, as JSON has them. Raises MediaError for `path`.
    """
    request = json.dumps([function.__module__, function.__name__, arguments])
    try:
        child = subprocess.run([sys.executable, "-m", __name__], input=request, capture_output=True, text=True,
                               timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise MediaError(path, _hangs(timeout_s)) from error
    if child.returncode < 0:
        raise MediaError(path, _crashes(-child.returncode))
    if child.returncode:
        raise RuntimeError(f"{path}: the process that read it failed:\n{child.stderr}")
    answer = json.loads(child.stdout)
    if "reason" in answer:
        raise MediaError(answer["path"], answer["reason"])
    return answer["result"]


def _answer_as_child() -> None:
    module, name, arguments = json.load(sys.stdin)
    try:
        answer = {"result": getattr(import_module(module), name)(*arguments)}
    except MediaError as error:
        answer = {"path": error.path, "reason": error.reason}
    json.dump(answer, sys.stdout)


def _lost(future: Any) -> bool:
    error = future.exception()
    return isinstance(error, ProcessExpired) and -error.exitcode in FOREIGN_SIGNALS


def _result(future: Any, path: str, timeout_s: float) -> Any:
    try:
        return future.result()
    except MediaError as error:
        return error
    except TimeoutError:
        return MediaError(path, _hangs(timeout_s))
    except ProcessExpired as error:
        return MediaError(path, _crashes(-error.exitcode))


def _hangs(timeout_s: float) -> str:
    return f"its decoder does not come back within {timeout_s:g} s; make the file again or leave it out"


def _crashes(number: int) -> str:
    if number in FOREIGN_SIGNALS:
        return (f"the process that read it was killed {ATTEMPTS} times ({signal.Signals(number).name}), perhaps for "
                f"want of memory; try it alone, or leave it out")
    name = signal.Signals(number).name if number > 0 else f"status {-number}"
    return f"its decoder crashes ({name}); make the file again or leave it out"


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole process group; the main process ends the work in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    _answer_as_child()

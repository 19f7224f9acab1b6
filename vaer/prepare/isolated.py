"""Work on files in processes that can be killed: a decoder that hangs or crashes costs its file and nothing else."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, TimeoutError, wait
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from typing import Any

from pebble import ProcessExpired, ProcessPool

from vaer.cores import usable_cores
from vaer.errors import MediaError

Job = tuple[str, tuple]
"""The file that a call is about, and the arguments of the call."""
AT_ONCE = 4  # jobs handed out for each process: a million are not kept in memory
FOREIGN_SIGNALS = (signal.SIGKILL, signal.SIGTERM)  # sent from outside, for want of memory say: not the file's fault
ATTEMPTS = 3


def each_isolated(function: Callable[..., Any], jobs: list[Job], *, processes: int | None,
                  timeout_s: float) -> Iterator[tuple[str, Any]]:
    """Path and result of every job, in the order in which they end; a MediaError stands for a result that failed.

    `function` belongs to a module, since the processes are started anew. One that takes longer than `timeout_s` is
    killed with its process. `processes`: none means all cores. Ends all processes when the caller stops.
    """
    processes = min(processes or usable_cores(), max(1, len(jobs)))
    waiting, attempts = iter(jobs), {}
    with ProcessPool(processes, initializer=_ignore_interrupts, context=get_context("spawn")) as pool:
        running = {}
        try:
            while True:
                for path, arguments in islice(waiting, AT_ONCE * processes - len(running)):
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


class Child:
    """An interpreter of its own that answers one call after the other, and may be killed over one.

    For where the process at hand may have no children of multiprocessing's kind, as Dask's workers. It ends with the
    process that made it.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None

    def call(self, function: Callable[..., Any], arguments: list, path: str, timeout_s: float) -> Any:
        """The result of a call; arguments and result are plain, as JSON has them. Raises MediaError for `path`."""
        if self.process is None:
            self.process = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
        process, hangs = self.process, threading.Event()
        alarm = threading.Timer(timeout_s, lambda: (hangs.set(), process.kill()))
        alarm.start()
        try:
            process.stdin.write(json.dumps([function.__module__, function.__name__, arguments]) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            alarm.cancel()
        if not answer.endswith("\n"):
            raise self._failure(path, _hangs(timeout_s) if hangs.is_set() else None)
        told = json.loads(answer)
        if "reason" in told:
            raise MediaError(told["path"], told["reason"])
        return told["result"]

    def close(self) -> None:
        """End the interpreter, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _failure(self, path: str, reason: str | None) -> Exception:
        status = self.process.wait()
        self.close()
        if reason is None and status > 0:
            return RuntimeError(f"{path}: the process that read it failed with status {status}; what it said stands "
                                f"above")
        return MediaError(path, reason or _crashes(-status))


def _answer_as_child() -> None:
    for request in sys.stdin:
        module, name, arguments = json.loads(request)
        try:
            answer = {"result": getattr(import_module(module), name)(*arguments)}
        except MediaError as error:
            answer = {"path": error.path, "reason": error.reason}
        print(json.dumps(answer), flush=True)


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

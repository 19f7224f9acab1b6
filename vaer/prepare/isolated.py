"""Work on files in processes that can be killed: a decoder that hangs or crashes costs its file and nothing else."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from typing import Any

from pebble import ProcessExpired, ProcessPool

from vaer.cores import usable_cores
from vaer.errors import GivenUpError, MediaError
from vaer.prepare import limits

Job = tuple[str, tuple]
"""The file that a call is about, and the arguments of the call."""
AT_ONCE = 4  # jobs handed out for each process: a million are not kept in memory
FOREIGN_SIGNALS = (signal.SIGKILL, signal.SIGTERM)  # sent from outside, for want of memory say: not the file's fault
ATTEMPTS = 3
NEWS_S = 1.0  # between two looks at how far files have come


def each_isolated(function: Callable[..., Any], jobs: list[Job], *, processes: int | None,
                  timeout_s: float, news: Callable[[dict[str, float]], None] = limits.ignored
                  ) -> Iterator[tuple[str, Any]]:
    """Path and result of every job, in the order in which they end; a MediaError stands for a result that failed.

    `function` belongs to a module, since the processes are started anew. One that takes longer than `limits` allow by
    `timeout_s` ends with its process. `processes`: none means all cores. `news` is told every second which share of
    the files at work is done. Ends all processes when the caller stops.
    """
    processes = min(processes or usable_cores(), max(1, len(jobs)))
    waiting, attempts = iter(jobs), {}
    with (tempfile.TemporaryDirectory() as notes,
          ProcessPool(processes, initializer=_ignore_interrupts, context=get_context("spawn")) as pool):
        running = {}
        try:
            while True:
                for path, arguments in islice(waiting, AT_ONCE * processes - len(running)):
                    call = (function, arguments, path, timeout_s, notes)
                    running[pool.schedule(limits.limited, call)] = (path, arguments)
                if not running:
                    return
                done = wait(running, NEWS_S, return_when=FIRST_COMPLETED).done
                news(limits.shares(notes))
                for future in done:
                    path, arguments = running.pop(future)
                    if _lost(future):
                        attempts[path] = attempts.get(path, 0) + 1
                        if attempts[path] < ATTEMPTS:
                            call = (function, arguments, path, timeout_s, notes)
                            running[pool.schedule(limits.limited, call)] = (path, arguments)
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
        process = self.process
        try:
            call = [function.__module__, function.__name__, arguments, path, timeout_s]
            process.stdin.write(json.dumps(call) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer.endswith("\n"):
            raise self._failure(path, timeout_s)
        outcome = json.loads(answer)
        if "reason" in outcome:
            raise MediaError(outcome["path"], outcome["reason"])
        return outcome["result"]

    def close(self) -> None:
        """End the interpreter, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _failure(self, path: str, timeout_s: float) -> Exception:
        status = self.process.wait()
        self.close()
        if status > 0:
            return RuntimeError(f"{path}: the process that read it failed with status {status}; what it said stands "
                                f"above")
        return _death(path, -status, timeout_s)


def _answer_as_child() -> None:
    for request in sys.stdin:
        module, name, arguments, path, timeout_s = json.loads(request)
        function = getattr(import_module(module), name)
        try:
            answer = {"result": limits.limited(function, arguments, path, timeout_s)}
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
    except ProcessExpired as error:
        return _death(path, -error.exitcode, timeout_s)


def _death(path: str, number: int, timeout_s: float) -> MediaError:
    """Why the process that read a file died, by the number of the signal."""
    if number == limits.SPENT:
        return GivenUpError(path, f"takes longer than --timeout_s {timeout_s:g} allows, seconds of processor time for "
                                  f"every minute of it; raise the flag and call again")
    if number == limits.IDLE:
        return GivenUpError(path, f"nothing happened with it for --timeout_s {timeout_s:g}: its disk does not "
                                  f"answer, or its decoder waits without an end; call again, or leave it out")
    if number in FOREIGN_SIGNALS:
        return GivenUpError(path, f"the process that read it was killed {ATTEMPTS} times "
                                  f"({signal.Signals(number).name}), perhaps for want of memory; try it alone, or "
                                  f"leave it out")
    if number == signal.SIGPROF:  # by the guard around decoders that jump
        return MediaError(path, "its decoder does not come back; make the file again or leave it out")
    name = signal.Signals(number).name if number > 0 else f"status {-number}"
    return MediaError(path, f"its decoder crashes ({name}); make the file again or leave it out")


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole process group; the main process ends the work in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    _answer_as_child()

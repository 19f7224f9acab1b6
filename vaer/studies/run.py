"""Running a study: what is missing is trained, then every row is scored once, then the table is written."""

import dataclasses
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from vaer.atomic_files import read_facts, write_facts, write_text
from vaer.checks import require, require_range
from vaer.errors import RunError, UserError
from vaer.studies import children
from vaer.studies.children import Step, perform
from vaer.studies.folder import StudyRun
from vaer.studies.identity import code_digest
from vaer.studies.plan import BEGUN, Plan, plan
from vaer.studies.schedule import UNKNOWN, Slots, describe_seconds, slots, time_left
from vaer.training.lock import Lock
from vaer.words import counted

POLL_S = 0.5
WAIT_S = 0.1


class StudyOptions(NamedTuple):
    """How a study is run, beside what its file says."""

    jobs: int | None = None
    threads: int | None = None
    scheduler: str | None = None
    index: int | None = None
    dry_run: bool = False
    count: bool = False
    measure: bool = False
    keep_code: bool = False


def study(path: Path, output: str | None, options: StudyOptions) -> None:
    """Do what is missing of the study in a file. Raises UserError, and RunError where a run failed."""
    require_range("jobs", options.jobs, 1)
    require_range("threads", options.threads, 1)
    made = plan(path, output, keep_code=options.keep_code)
    if options.count:
        print(len(made.runs))
        return
    if options.index is not None:
        require(0 <= options.index < len(made.runs),
                f"--index {options.index}: {path} has {counted(len(made.runs), 'run')}, "
                                                     f"from 0 on.")
    if options.dry_run:
        print_progress(made, options.jobs)
        return
    single = options.measure or options.index is not None
    with alone(made.output):
        record_plan(made)
        found = slots(made, 1 if single else options.jobs, options.threads)
    keys = list(made.runs)
    if options.measure:
        measure(made, found)
        print_progress(made, options.jobs)
    elif options.index is not None:
        keys = _needed(made, keys[options.index])
        _train(made, keys, Local(found))
        _require_done(made, keys[-1:])
    else:
        _run_all(made, keys, found, options.scheduler)


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """Write into a study's folder while no other command does: the jobs of an array begin at the same moment."""
    while True:
        try:
            lock = Lock(output / "planning")
            break
        except UserError:
            time.sleep(WAIT_S)
    try:
        yield
    finally:
        lock.release()


def _run_all(made: Plan, keys: list[str], found: Slots, scheduler: str | None) -> None:
    with _workers(found, scheduler) as workers:
        _train(made, keys, workers)
        _score(made, workers)
    from vaer.studies.table import write_table  # costs seconds, which the first run need not wait for

    write_table(made)
    _require_done(made, keys)


def _workers(found: Slots, scheduler: str | None) -> "Local":
    if scheduler is None:
        return Local(found)
    from vaer.studies.cluster import Cluster

    return Cluster(scheduler, found)


class Local:
    """Steps as processes of this machine, several at once."""

    def __init__(self, slots_: Slots) -> None:
        self.slots = slots_
        self.stopping = threading.Event()
        self.children: set[subprocess.Popen] = set()
        self.free: queue.Queue[int] = queue.Queue()
        for slot in range(slots_.jobs):
            self.free.put(slot)

    @property
    def jobs(self) -> int:
        """How many steps are done at once."""
        return self.slots.jobs

    def __enter__(self) -> "Local":
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left to close."""

    def do(self, task: str, jobs: Iterable[list[str]]) -> Iterator[list[str]]:
        """Do a step for each list of folders; yields them in the order in which they end.

        Ctrl-C and SIGTERM let the steps under way save their state; RunError is raised then.
        """
        with ThreadPoolExecutor(self.jobs) as pool, _terminable():
            waiting: dict[Future, list[str]] = {pool.submit(self._one, task, job): job for job in jobs}
            try:
                while waiting:
                    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                        future.result()
                        yield waiting.pop(future)
            except KeyboardInterrupt as error:
                self._stop(pool, asked=bool(error.args))
                raise RunError("interrupted; what was trained is saved: go on by the same command.") from error
            except GeneratorExit:  # whoever asked for the steps goes on no more
                self._stop(pool, asked=True)
                raise

    def _one(self, task: str, folders: list[str]) -> None:
        slot = self.free.get()
        try:
            perform(step_of(task, folders, self.slots.environment(slot)), self.stopping, self.children)
        finally:
            self.free.put(slot)

    def _stop(self, pool: ThreadPoolExecutor, *, asked: bool) -> None:
        """End the steps under way in order; Ctrl-C has reached them already, a signal to this process alone has not."""
        self.stopping.set()
        if asked:
            self.terminate()
        pool.shutdown(wait=True, cancel_futures=True)

    def terminate(self) -> None:
        """Ask the steps under way to save their state and end."""
        for child in list(self.children):
            child.terminate()


def step_of(task: str, folders: list[str], environment: dict[str, str]) -> Step:
    """A step as this process starts it, or as it has others start it."""
    return Step(task, [os.path.abspath(folder) for folder in folders], environment, children.STEP, os.getcwd())


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM as Ctrl-C, which it tells apart by an argument; nothing changes in threads, where no signal arrives."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def record_plan(made: Plan) -> None:
    """Write down what is wanted of every run, and what the study's file said."""
    made.output.mkdir(parents=True, exist_ok=True)
    write_text(made.output / "study.yaml", made.path.read_text(encoding="utf-8"))
    begun = read_facts(made.output / BEGUN)
    if begun.get("code") != made.code:
        write_facts(made.output / BEGUN, begun | {"code": made.code})
    for run in made.runs.values():
        StudyRun(run.folder.path).want({"settings": dataclasses.asdict(run.config), "identity": run.content,
                                        "modalities": list(run.modalities), "code": code_digest()})


def _needed(made: Plan, key: str) -> list[str]:
    """A run behind all those that it starts from."""
    return list(dict.fromkeys([*(one for source in made.runs[key].sources for one in _needed(made, source)), key]))


def _train(made: Plan, keys: list[str], workers: Local) -> None:
    """Train what is not finished; what starts from others waits for them."""
    todo = [key for key in keys if not made.runs[key].folder.is_finished()]
    done, started = len(keys) - len(todo), time.perf_counter()
    if done:
        print(f"{made.output}: {done} of {counted(len(keys), 'run')} finished already", flush=True)
    for wave in _waves(made, todo):
        ready = [key for key in wave if _sources_are_there(made, key)]
        names = {str(made.runs[key].folder.path): key for key in ready}
        for folders in workers.do("train", ([folder] for folder in names)):
            done += 1
            print(f"[{done}/{len(keys)}] {_result(made, names[folders[0]])}, "
                  f"{describe_seconds(time.perf_counter() - started)} since the start", flush=True)


def _waves(made: Plan, keys: list[str]) -> list[list[str]]:
    """Runs in groups, each of which starts from runs of those before it alone."""
    depth: dict[str, int] = {}
    for key, run in made.runs.items():
        depth[key] = 1 + max((depth[source] for source in run.sources), default=-1)
    return [wave for level in sorted(set(depth.values())) if (wave := [key for key in keys if depth[key] == level])]


def _sources_are_there(made: Plan, key: str) -> bool:
    """Whether a run can begin; what failed before it is its reason too."""
    failed = [source for source in made.runs[key].sources if not made.runs[source].folder.is_finished()]
    if failed:
        StudyRun(made.runs[key].folder.path).fail("train", None, f"starts from {made.described(failed[0])}, which "
                                                                 f"failed")
    return not failed


def _result(made: Plan, key: str) -> str:
    folder = StudyRun(made.runs[key].folder.path)
    if folder.state() != "finished":
        return f"{made.described(key)}: FAILED, {folder.reason()}"
    facts = folder.run.facts()
    uar = facts["best_validation_uar"]
    return f"{made.described(key)}: " + ("trained" if uar is None else
                                         f"validation UAR {uar:.3f} in epoch {facts['best_epoch']}")


def _score(made: Plan, workers: Local) -> None:
    """Score every run that trained and has no scores yet: the test side is opened once, when all are trained."""
    todo = [str(run.folder.path) for run in made.runs.values()
            if run.in_table and run.folder.is_finished() and not StudyRun(run.folder.path).is_scored()]
    if not todo:
        return
    print(f"scoring {counted(len(todo), 'run')} on the test speakers", flush=True)
    share = -(-len(todo) // workers.jobs)
    for _ in workers.do("score", (todo[first:first + share] for first in range(0, len(todo), share))):
        pass


def _require_done(made: Plan, keys: list[str]) -> None:
    """Raise RunError where a run failed, with its reason."""
    failed = {key: reason for key in keys if (reason := StudyRun(made.runs[key].folder.path).reason())}
    if failed:
        key, reason = next(iter(failed.items()))
        raise RunError(f"{made.output}: {len(failed)} of {counted(len(keys), 'run')} failed; the first is "
                       f"{made.described(key)}: "
                       f"{reason.rstrip('.')}. The table names all; the same command tries them again.")


def measure(made: Plan, slots_: Slots) -> None:
    """Begin a run of every row of which no epoch was measured, until its first epoch has ended: nothing is lost."""
    left = time_left(made)
    for row in made.rows.values():
        keys = [key for key in row.runs.values() if left[key].basis == UNKNOWN]
        if len(keys) < len(row.runs) or any(StudyRun(made.runs[key].folder.path).epoch_s() for key in keys):
            continue
        for key in _needed(made, keys[0])[:-1]:
            _train(made, [key], Local(slots_))
        print(f"measuring an epoch of {made.described(keys[0])}", flush=True)
        _first_epoch(StudyRun(made.runs[keys[0]].folder.path), Local(slots_))


def _first_epoch(folder: StudyRun, workers: Local) -> None:
    def until_epoch() -> None:
        while folder.epoch_s() is None and not ended.wait(POLL_S):
            pass
        workers.stopping.set()
        workers.terminate()

    ended = threading.Event()
    watch = threading.Thread(target=until_epoch)
    watch.start()
    try:
        for _ in workers.do("train", [[str(folder.path)]]):
            pass
    finally:
        ended.set()
        watch.join()


def print_progress(made: Plan, jobs: int | None) -> None:
    """Print every run with its number, its state and how long it will take."""
    left = time_left(made)
    width = max(len(made.described(key)) for key in made.runs)
    for number, key in enumerate(made.runs):
        folder = StudyRun(made.runs[key].folder.path)
        state, reason = folder.state(), folder.reason()
        seconds, basis = left[key]
        time = "" if state == "finished" else (
            "time unknown" if seconds is None else f"{describe_seconds(seconds)} by {basis}")
        print(f"{number:4d}  {made.described(key):{width}}  {key}  {state:8}  {time}".rstrip()
              + f"  ({reason})" * (reason is not None))
    todo = [one for key, one in left.items() if made.runs[key].folder.is_finished() is False]
    known = [one.seconds for one in todo if one.seconds is not None]
    print(f"{made.path}: {counted(len(made.rows), 'row')}, {counted(len(made.runs), 'run')} in {made.output}, "
          f"{len(todo)} of them to do"
          + _describe_total(known, len(todo) - len(known), jobs))


def _describe_total(known: list[float], unknown: int, jobs: int | None) -> str:
    text = f"; {describe_seconds(sum(known) / (jobs or 1))} with {jobs or 1} at once" if known else ""
    if unknown:
        text += (f"; the time of {unknown} is unknown: --measure true begins a run of each row for one epoch, which it "
                 f"keeps")
    return text + "."


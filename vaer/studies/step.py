"""One step of a study in a process of its own: `python -m vaer.studies.step train FOLDER`, or `score FOLDER ...`."""

import resource
import sys
from pathlib import Path
from time import perf_counter

from vaer.config import Config
from vaer.errors import RunError, UserError
from vaer.evaluation.options import Options
from vaer.studies.assign import assign, checked, flatten
from vaer.studies.folder import StudyRun, Work
from vaer.studies.identity import code_digest
from vaer.training.lock import Lock

BUSY = 75
"""The status of a step whose run another process works on (EX_TEMPFAIL)."""
CLIPS_AT_ONCE = 32  # scores do not depend on it


class BusyError(Exception):
    """Another process works on the run."""


def main(arguments: list[str]) -> int:
    """Do one step; 2 for wrong input and 1 for a failed run, with one sentence each, as `vaer` does."""
    task, *folders = arguments
    try:
        for folder in folders:
            STEPS[task](StudyRun(Path(folder)))
    except BusyError:
        return BUSY
    except (UserError, RunError) as error:
        print(f"vaer: {error}", file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    return 0


def train_run(study_run: StudyRun) -> None:
    """Train the run of a folder to its end, from where it is; raises UserError or RunError."""
    config = _wanted(study_run)
    lock = _locked(study_run)
    try:
        if study_run.run.is_finished():
            return
        from vaer.training.run import train

        before, started = study_run.run.facts().get("epochs", 0), perf_counter()
        train(config)
        _worked(study_run, "train", started, study_run.run.facts()["epochs"] - before)
    finally:
        lock.release()


def score_run(study_run: StudyRun) -> None:
    """Score the run of a folder on its test speakers, as often as its study asks and once; raises UserError."""
    config = _wanted(study_run)
    lock = _locked(study_run)
    try:
        for modality in ("both", *study_run.wanted()["modalities"]):
            if modality in study_run.scored():
                continue
            from vaer.evaluation.run import evaluate

            started = perf_counter()
            data = config.data
            evaluate([study_run.path], Options(
                modality=modality, batch_size=CLIPS_AT_ONCE, root=data.root, num_workers=data.num_workers,
                decoder=data.decoder, decode_device=data.decode_device))
            study_run.has_scored(modality)
            _worked(study_run, "score", started, 0)
    finally:
        lock.release()


STEPS = {"train": train_run, "score": score_run}


def _wanted(study_run: StudyRun) -> Config:
    """The settings of a run; raises RunError where the code is no longer that of the plan."""
    wanted = study_run.wanted()
    if wanted["code"] != code_digest():
        raise RunError("the code of vaer changed after this run was planned; give the command again, which plans it "
                       "anew.")
    return assign(Config(), checked(flatten(wanted["settings"])))


def _locked(study_run: StudyRun) -> Lock:
    try:
        return Lock(study_run.busy)
    except UserError as error:
        raise BusyError from error


def _worked(study_run: StudyRun, task: str, started: float, epochs: int) -> None:
    peak = max(resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    study_run.worked(Work(task, round(perf_counter() - started, 1), peak * 1024, epochs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

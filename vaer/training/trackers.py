"""The curves of a run in TensorBoard, Weights & Biases, MLflow and Trackio, through accelerate's trackers."""

import importlib
import json
from collections.abc import Callable
from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker

from vaer.atomic_files import read_facts, write_text
from vaer.errors import UserError, log
from vaer.runs.folder import RunFolder

PROJECT = "vaer"
MODULES = {"tensorboard": "torch.utils.tensorboard"}
"""What is imported where that is not the tracker's name."""
ERRORS = {"wandb": ("wandb.errors", "Error"), "mlflow": ("mlflow.exceptions", "MlflowException")}
"""What a library raises where its server does not answer, or nobody is logged in."""


class Trackers:
    """The trackers of `train.tracker`, of the main process alone.

    A run that goes on goes on in TensorBoard, Weights & Biases and MLflow as well: what was shown of steps that are
    done again is forgotten there, or not shown twice. A tracker that fails later is left, with a warning.
    """

    def __init__(self, folder: RunFolder, names: tuple[str, ...], *, steps_done: int,
                 settings: dict[str, Any]) -> None:
        self.folder = folder
        kept = read_facts(folder.trackers_path)
        self.trackers: dict[str, GeneralTracker] = {}
        for name in names:
            self.trackers[name] = _started(name, folder, kept.get(name), steps_done)
            if name != "tensorboard":  # which makes a run of its own of them
                self.trackers[name].store_init_configuration(settings)
        ids = {name: found for name, tracker in self.trackers.items() if (found := _id_of(name, tracker))}
        if ids:
            write_text(folder.trackers_path, json.dumps(kept | ids, indent=2) + "\n")

    def log(self, values: dict[str, float], step: int, *, again: bool) -> None:
        """Show numbers of a step, or of the epoch that it ended; `again` where they were shown before.

        TensorBoard has forgotten those, the others have not.
        """
        for name, tracker in list(self.trackers.items()):
            if name == "tensorboard" or not again:
                self._attempt(name, lambda tracker=tracker: tracker.log(values, step=step))

    def finish(self) -> None:
        """Close all of them."""
        for name, tracker in list(self.trackers.items()):
            self._attempt(name, tracker.finish)

    def _attempt(self, name: str, do: Callable[[], None]) -> None:
        try:
            do()
        except _errors(name) as error:
            log.warning("%s: the tracker %s is left out from here on (%s); log.jsonl and steps.jsonl hold everything",
                        self.folder, name, " ".join(str(error).split())[:200])
            del self.trackers[name]


def require_trackers(names: tuple[str, ...]) -> None:
    """Refuse trackers whose package is not there, before anything is read or trained."""
    for name in names:
        module = MODULES.get(name, name)
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise UserError(f"--train.tracker {name}: its package is not installed ({error.name}); "
                            f"pip install {name}, or leave it out.") from error
        except ImportError as error:
            raise UserError(f"--train.tracker {name}: its package does not load ({error}); "
                            f"pip install --force-reinstall {name}, or leave it out.") from error


def _started(name: str, folder: RunFolder, known: str | None, steps_done: int) -> GeneralTracker:
    tracker = LOGGER_TYPE_TO_CLASS[name](**_options(name, folder, known, steps_done))
    try:
        tracker.start()
    except _errors(name) as error:
        raise UserError(f"--train.tracker {name}: it does not start ({' '.join(str(error).split())[:300]}); mend that, "
                        f"or leave it out.") from error
    return tracker


def _options(name: str, folder: RunFolder, known: str | None, steps_done: int) -> dict[str, Any]:
    """What accelerate's class wants to be told; `known` is the id of the run that goes on."""
    if name == "tensorboard":
        return {"run_name": folder.curves.name, "logging_dir": str(folder.path), "purge_step": steps_done + 1}
    if name == "mlflow":
        return {"experiment_name": PROJECT, "run_name": str(folder)} | ({"run_id": known} if known else {})
    if name == "wandb":
        return {"run_name": PROJECT, "name": str(folder), "dir": str(folder), "resume": "allow"} | (
            {"id": known} if known else {})
    return {"run_name": PROJECT, "name": str(folder), "resume": "allow"}  # trackio goes on by the name


def _id_of(name: str, tracker: GeneralTracker) -> str | None:
    if name == "mlflow":
        return tracker.tracker.info.run_id
    return tracker.tracker.id if name == "wandb" else None


def _errors(name: str) -> tuple[type[Exception], ...]:
    if name not in ERRORS:
        return ()
    module, error = ERRORS[name]
    return (getattr(importlib.import_module(module), error),)

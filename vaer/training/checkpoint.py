"""The states of a run on disk: `best/`, which predicts, and `last/`, from which the run goes on."""

import json
import math
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

from accelerate import Accelerator
from safetensors import SafetensorError
from torch import nn

from vaer.errors import RunError, UserError, log
from vaer.finite import listed, odd_tensors
from vaer.runs.folder import RunFolder
from vaer.runs.recipe import Recipe
from vaer.words import counted

SEAL = "sizes.json"
"""The file of a state that was written last: the bytes of each other one."""


class Progress:
    """How far a run has come; saved and restored with it."""

    def __init__(self) -> None:
        self.epoch = 0
        """Epochs that ended."""
        self.step = 0
        """Steps done of the epoch under way."""
        self.loss_sum = 0.0
        """Sum of the losses of this epoch's steps so far."""
        self.meter: dict[str, Any] | None = None
        """What `Meter` counted of this epoch so far; None where an older vaer saved it."""
        self.best_uar = -1.0
        self.best_nll = float("inf")
        self.best_epoch = 0
        self.finished = False

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        vars(self).update(state)
        if math.isnan(self.best_nll):  # of a network that answered NaN: nothing would ever be better
            self.best_uar, self.best_nll, self.best_epoch = -1.0, float("inf"), 0


def require_finite(network: nn.Module, folder: RunFolder) -> None:
    """Raise RunError for weights that are NaN or infinite, before they take the place of sound ones."""
    odd = odd_tensors(network.state_dict())
    if odd:
        raise RunError(f"{folder}: weights became NaN or infinite ({listed(odd)}) and are not kept, what was saved "
                       f"before is; lower --train.lr, lengthen --train.warmup, or try --train.mixed_precision bf16 or "
                       f"no instead of fp16.")


def save_last(accelerator: Accelerator, folder: RunFolder) -> None:
    """Write model, optimizer, scheduler, progress and generators of every process; the old state lives until then.

    Raises RunError where the network is not finite.
    """
    for network in accelerator._models:
        require_finite(network, folder)
    fresh = folder.last.with_suffix(".new")
    if accelerator.is_main_process and fresh.exists():
        shutil.rmtree(fresh)
    accelerator.wait_for_everyone()
    with _written(fresh):
        accelerator.save_state(str(fresh))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        with _written(fresh):
            _seal(fresh)
        _swap(fresh, folder.last)
    accelerator.wait_for_everyone()


def newest_state(folder: RunFolder) -> Path | None:
    """The newest whole state of a run; None where it has none yet. Raises UserError where none is whole."""
    there = [path for path in (folder.last, _old(folder.last)) if path.exists()]
    whole = next((path for path in there if _is_whole(path)), None)
    if there and whole is None:
        raise UserError(f"{there[0]}: was cut off or damaged, and no state before it is there; copy the run again, or "
                        f"choose another --output and begin anew.")
    if there and whole != there[0]:
        log.warning("%s: was cut off or damaged; the run goes on from the state before, %s", there[0], whole)
    return whole


def restore_best(folder: RunFolder) -> None:
    """Put back `best/` where the run ended while it was replaced."""
    place, before = folder.best_places
    if before.exists() and not place.exists():
        before.rename(place)


def load_last(accelerator: Accelerator, found: Path) -> None:
    """Restore a state of `newest_state`; raises UserError where another number of processes wrote it."""
    states = len(list(found.glob("random_states_*.pkl")))
    if states != accelerator.num_processes:
        now = f"{'is' if accelerator.num_processes == 1 else 'are'} {accelerator.num_processes}"
        raise UserError(f"{found}: this run had {counted(states, 'process')}, now there {now}; resume it with as many.")
    try:
        accelerator.load_state(str(found))
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError, BadZipFile,
            SafetensorError) as error:
        raise UserError(f"{found}: cannot be read as the state of this run ({_shortened(error)}); copy the run again, "
                        f"or choose another --output and begin anew.") from error


def save_best(accelerator: Accelerator, network: nn.Module, folder: RunFolder, recipe: Recipe | None) -> None:
    """Write `best/`: settings, recipe and weights, enough to predict a new video; the main process alone has them.

    Raises RunError where the weights are not finite.
    """
    require_finite(network, folder)
    if accelerator.is_main_process and recipe is not None:
        bare, fresh = accelerator.unwrap_model(network), folder.best.path.with_suffix(".new")
        if fresh.exists():
            shutil.rmtree(fresh)
        with _written(fresh):
            bare.save_pretrained(fresh, config={"settings": bare.settings | recipe.plain()})
            _open_to_others(fresh)
            _flush(fresh)
        _swap(fresh, folder.best.path)


@contextmanager
def _written(fresh: Path) -> Iterator[None]:
    """Turn what libraries raise on a full disk into one RunError; the part that was written goes."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        free = shutil.disk_usage(fresh.parent).free / 2**20
        raise RunError(f"{fresh.parent}: {fresh.stem} cannot be written ({_shortened(error)}), {free:.0f} MB are free "
                       f"there; what was saved before is whole: make room, then go on by the same command "
                       f"with --train.resume true.") from error


def _shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _seal(fresh: Path) -> None:
    """Note the sizes of all files of a state, so that one that was cut off is known by them."""
    _open_to_others(fresh)
    sizes = {str(path.relative_to(fresh)): path.stat().st_size for path in sorted(fresh.rglob("*")) if path.is_file()}
    (fresh / SEAL).write_text(json.dumps(sizes), encoding="utf-8")
    _flush(fresh)


def _is_whole(state: Path) -> bool:
    """Whether all files are there as they were written; states older than the seal have at least no empty file."""
    seal = state / SEAL
    if not seal.exists():
        sizes = [path.stat().st_size for path in state.glob("*") if path.is_file()]
        return bool(sizes) and all(sizes)
    try:
        sizes = json.loads(seal.read_text(encoding="utf-8"))
        return bool(sizes) and all((state / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _open_to_others(fresh: Path) -> None:
    """Give every file the mode that files get here: safetensors keeps its own to their owner, whatever the umask."""
    probe = fresh / ".mode"
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    probe.unlink()
    for path in fresh.rglob("*"):
        if path.is_file():
            path.chmod(mode)


def _flush(fresh: Path) -> None:
    """Wait until the disk has every file: a machine that goes down must not leave names without content."""
    for path in [*(path for path in fresh.rglob("*") if path.is_file()), fresh]:
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def _old(place: Path) -> Path:
    return place.with_suffix(".old")


def _swap(fresh: Path, place: Path) -> None:
    """Put `fresh` in its `place` such that a whole one exists at every moment."""
    old = _old(place)
    if place.exists():
        if old.exists():
            shutil.rmtree(old)
        place.rename(old)
    fresh.rename(place)
    if old.exists():
        shutil.rmtree(old)

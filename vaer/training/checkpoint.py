"""The states of a run on disk: `best/`, which predicts, and `last/`, from which the run goes on."""

import math
import shutil
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn

from vaer.errors import RunError, UserError
from vaer.finite import listed, odd_tensors
from vaer.runs.folder import RunFolder
from vaer.runs.recipe import Recipe


class Progress:
    """How far a run has come; saved and restored with it."""

    def __init__(self) -> None:
        self.epoch = 0
        """Epochs that ended."""
        self.step = 0
        """Steps done of the epoch under way."""
        self.loss_sum = 0.0
        """Sum of the losses of this epoch's steps so far."""
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
    accelerator.save_state(str(fresh))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        _swap(fresh, folder.last)
    accelerator.wait_for_everyone()


def newest_state(folder: RunFolder) -> Path | None:
    """The newest whole state of a run; None where it has none yet."""
    return next((path for path in (folder.last, _old(folder.last)) if path.exists()), None)


def load_last(accelerator: Accelerator, found: Path) -> None:
    """Restore a state of `newest_state`; raises UserError where another number of processes wrote it."""
    states = len(list(found.glob("random_states_*.pkl")))
    if states != accelerator.num_processes:
        raise UserError(f"{found}: this run had {states} processes, now there are {accelerator.num_processes}; "
                        f"resume it with as many.")
    accelerator.load_state(str(found))


def save_best(accelerator: Accelerator, network: nn.Module, folder: RunFolder, recipe: Recipe | None) -> None:
    """Write `best/`: settings, recipe and weights, enough to predict a new video; the main process alone has them.

    Raises RunError where the weights are not finite.
    """
    require_finite(network, folder)
    if accelerator.is_main_process and recipe is not None:
        bare = accelerator.unwrap_model(network)
        bare.save_pretrained(folder.best.path.with_suffix(".new"), config={"settings": bare.settings | recipe.plain()})
        _swap(folder.best.path.with_suffix(".new"), folder.best.path)


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

"""The best network of a run with all that must be known to give it a new file."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import torch

from vaer.data.lengths import window_lengths
from vaer.data.protocols import read_split
from vaer.errors import MediaError, UserError, first_line
from vaer.inference.inputs import require_one_network
from vaer.models.network import VAER, load_network
from vaer.runs.folder import BestFolder, best_of, run_of
from vaer.runs.recipe import Recipe, read_recipe, recipe_of

OLD = "an older vaer trained this run: how its clips were prepared was asked of its corpus as it is now"
POPULATION = "adapts to no speaker: it answers as for the population that it learned from"


class Trained(NamedTuple):
    """A network that answers, and what is known of it."""

    network: VAER
    recipe: Recipe
    name: str
    """The folder that it came from, or `starter`."""
    sha256: str
    """Of its weights."""
    notes: tuple[str, ...]
    """What every answer must say, a sentence each; usually none."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.network.parameters()).device


def open_network(source: str | Path, device: str | None = None) -> Trained:
    """The network of a run, named by its folder or that of `best`; raises UserError where there is none.

    `device`: none takes the GPU where there is one.
    """
    require_one_network(source)
    best = best_of(source)
    if best is None or not best.is_whole():
        raise UserError(f"{source}: holds no trained network (best/config.json and best/model.safetensors); name the "
                        f"folder of a run that trained.")
    recipe, notes = _recipe(best)
    network = load_network(best.path).eval()
    if recipe.notice:
        notes.append(recipe.notice)
    if recipe.remark:
        notes.append(f"learned from {recipe.remark}" + ": not for people" * recipe.is_drawn)
    if network.norms:
        notes.append(POPULATION)
    try:
        network = network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise UserError(f"--device {device}: cannot be used here ({first_line(error)}); leave it out.") from error
    return Trained(network, recipe, str(source), _sha256(best.weights_path), tuple(notes))


def _recipe(best: BestFolder) -> tuple[Recipe, list[str]]:
    """What `best` holds; for one of an older vaer, what its corpus tells, with a note."""
    try:
        return read_recipe(best), []
    except UserError as error:
        run = run_of(best)
        if best.settings.get("format", 1) > 1 or not run.is_begun():
            raise
        config = run.settings()
        try:
            items = read_split(run.as_learned(config.data))[1].train
            return recipe_of(config, *window_lengths(items, config.data.clip)), [OLD]
        except (UserError, MediaError):
            raise error from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Starting from the weights of another run."""

from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file

from vaer.errors import UserError
from vaer.models.network import VAER

BRANCHES = ("video.", "audio.")


class Started(NamedTuple):
    """What became of the tensors of both sides."""

    loaded: list[str]
    left: list[str]
    """In the file, not taken: heads or a fusion of another kind or size, or a branch that is switched off here."""
    fresh: list[str]
    """In the network, not in the file: these start at random."""

    def __str__(self) -> str:
        return (f"{len(self.loaded)} tensors loaded; left in the file: {_summary(self.left)}; "
                f"started at random: {_summary(self.fresh)}")


def start_from(network: VAER, run: str) -> Started:
    """Load the best weights of another run; a head or a fusion that does not fit stays as it is, and is listed.

    A branch that both have must fit whole: UserError, which names the first tensor that does not.
    """
    path = Path(run) / "best" / "model.safetensors"
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; --model.init wants the folder of a run that trained.")
    try:
        theirs = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path}: is not a whole safetensors file ({error}); copy or train it again.") from error
    ours = network.state_dict()
    fitting = {name: tensor for name, tensor in theirs.items() if name in ours and tensor.shape == ours[name].shape}
    for branch in BRANCHES:
        if any(name.startswith(branch) for name in ours) and any(name.startswith(branch) for name in theirs):
            _require_whole(branch, ours, theirs, fitting, path)
    network.load_state_dict(fitting, strict=False)
    return Started(sorted(fitting), sorted(set(theirs) - set(fitting)), sorted(set(ours) - set(fitting)))


def _require_whole(branch: str, ours: dict, theirs: dict, fitting: dict, path: Path) -> None:
    names = {name for name in {**ours, **theirs} if name.startswith(branch)}
    odd = sorted(names - set(fitting))
    if odd:
        shapes = [tuple(side[odd[0]].shape) if odd[0] in side else "absent" for side in (theirs, ours)]
        raise UserError(f"{path}: its {branch}* does not fit ({odd[0]} is {shapes[0]} there and {shapes[1]} here); "
                        f"give --model.{branch}preset and its sizes the values in {path.parent.parent}/config.yaml.")


def _summary(names: list[str]) -> str:
    parts = sorted({name.split(".")[0] for name in names})
    return f"{len(names)} ({', '.join(parts)})" if names else "none"

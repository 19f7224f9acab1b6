"""What a reader of published weights gives back, and how it goes into a branch: every tensor accounted for."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from torch import Tensor, nn

from vaer.errors import UserError
from vaer.words import counted

SHOWN = 6  # names in an error: enough to see the pattern
COUNTER = "num_batches_tracked"  # of a batch norm with a fixed momentum: no result depends on it, so a file may lack it


class Weights(NamedTuple):
    """The content of a file in the names of one of our branches."""

    tensors: dict[str, Tensor]
    """By the names of the branch module's state dict."""
    left: dict[str, str]
    """Names in the file that are deliberately not taken, each with the reason."""
    about: str
    """One phrase: what the file is."""
    settings: dict[str, Any]
    """The flags (without dashes) of a branch that it fits; empty where none does."""
    fresh: tuple[str, ...] = ()
    """Beginnings of names in the branch that such a file never holds: these start as they were built."""


class Loaded(NamedTuple):
    """What became of the tensors of both sides."""

    about: str
    loaded: list[str]
    left: dict[str, str]
    """In the file, not taken, with the reason."""
    fresh: list[str]
    """In the branch, not in the file: these are as they were built."""

    def __str__(self) -> str:
        left = "; ".join(summary(self.left))
        return (f"{self.about}: {counted(len(self.loaded), 'tensor')} loaded; left in the file: {left or 'none'}; "
                f"as built: {_listed(self.fresh) if self.fresh else 'none'}")


def apply(branch: nn.Module, weights: Weights, source: str) -> Loaded:
    """Copy the weights into a branch of the network.

    Raises UserError, which lists names with both shapes and the settings that fit, unless every tensor of the branch
    is in the file with its shape (or is one of `weights.fresh`), and every tensor of the file is in the branch (or
    deliberately left). The branch is untouched then.
    """
    ours = {name: tensor for name, tensor in branch.state_dict().items() if not name.endswith(COUNTER)}
    theirs = {name: tensor for name, tensor in weights.tensors.items() if not name.endswith(COUNTER)}
    fresh = [name for name in ours if name not in theirs and name.startswith(weights.fresh)]
    odd = [f"{name} is {_shape(theirs, name)} there and {_shape(ours, name)} here"
           for name in {**ours, **theirs} if name not in fresh and _shape(ours, name) != _shape(theirs, name)]
    if odd:
        more = f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""
        raise UserError(f"{source}: {weights.about} does not fit: {'; '.join(odd[:SHOWN])}{more}. "
                        f"{remedy(weights.settings)}")
    branch.load_state_dict(weights.tensors, strict=False)
    return Loaded(weights.about, list(weights.tensors), weights.left, fresh)


def remedy(settings: dict[str, Any]) -> str:
    """The sentence that names the flags of a branch that fits."""
    if not settings:
        return "No settings of this branch fit it; choose another file."
    return f"It fits {flags(settings)}."


def flags(settings: dict[str, Any]) -> str:
    """Settings as they are typed."""
    return " ".join(f"--{name} {str(value).replace(' ', '').lower() if isinstance(value, (bool, list)) else value}"
                    for name, value in settings.items())


def summary(left: dict[str, str]) -> list[str]:
    """`left` by reason, each with the number of tensors and the first names."""
    reasons: dict[str, list[str]] = {}
    for name, reason in left.items():
        reasons.setdefault(reason, []).append(name)
    return [f"{reason} ({_listed(names)})" for reason, names in reasons.items()]


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _shape(tensors: dict[str, Tensor], name: str) -> tuple[int, ...] | str:
    return tuple(tensors[name].shape) if name in tensors else "absent"

"""The network inside a checkpoint: out of the dictionaries and the prefixes that trainers put around its names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

WRAPPERS = ("blobs", "model_state", "state_dict", "model_state_dict", "model", "network", "net", "module", "weights",
            "params", "backbone", "encoder")
"""Keys under which a checkpoint keeps its network, those that decide first; any other key follows."""
AROUND = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "module"}
"""Parts of a name that torch.compile, FSDP, checkpointing and DistributedDataParallel put in, anywhere."""
AVERAGED = re.compile(r"(.*[._])?(ema|swa|avg|averaged?|teacher|momentum|shadow|target)([._].*)?", re.IGNORECASE)
COUNTED = ("n_averaged",)  # of torch's AveragedModel
DEPTH = 3
ANOTHER, BESIDE, TRAINING = "another network in the file", "beside the network", "state of its training"


class Inner(NamedTuple):
    """A network found in a checkpoint."""

    values: dict[str, Any]
    """By the names that the network itself gives them."""
    left: dict[str, str]
    """What else stands there by name, each with the reason why it is not taken."""


class _Place(NamedTuple):
    """Where a network was found."""

    keys: tuple[str, ...]
    prefix: str
    values: dict[str, Any]


def network_in(content: Any, anchors: Sequence[str]) -> Inner | None:
    """The network whose names hold one of `anchors`, a name that all of its kind have; None where there is none.

    Of several, one that is no running average is taken, by the order of `WRAPPERS`, then by that of the file.
    """
    places = [place for keys, mapping in _mappings(content) for place in _places(keys, mapping, anchors)]
    if not places:
        return None
    chosen = min(places, key=_rank)
    values, left = {}, {}
    others = [place.prefix for place in places if place.keys == chosen.keys and place.prefix != chosen.prefix]
    for name, value in chosen.values.items():
        if name in COUNTED:
            left[name] = TRAINING
        elif name.startswith(chosen.prefix):
            values[name.removeprefix(chosen.prefix)] = value
        else:
            left[name] = ANOTHER if name.startswith(tuple(others)) else BESIDE
    for place in places:
        if place.keys != chosen.keys:
            left[".".join(place.keys) or place.prefix] = ANOTHER
    return Inner(values, left)


def outermost(content: Any) -> dict[str, Any]:
    """The dictionary of names inside a checkpoint of an unknown network, out of the known wrappings."""
    for key in WRAPPERS[:8]:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    return plain(content) if isinstance(content, Mapping) else {}


def plain(mapping: Mapping) -> dict[str, Any]:
    """The same by names without the parts that wrappers put in; those that would then be one name stay as they are."""
    names = [str(name) for name in mapping]
    shorter = [".".join(part for part in name.split(".") if part not in AROUND) for name in names]
    if len(set(shorter)) < len(names):
        shorter = names
    return dict(zip(shorter, mapping.values(), strict=True))


def _mappings(content: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping]]:
    """The dictionaries inside of one another, each with the keys that lead to it."""
    if not isinstance(content, Mapping) or len(keys) > DEPTH:
        return
    yield keys, content
    for key, value in content.items():
        yield from _mappings(value, (*keys, str(key)))


def _places(keys: tuple[str, ...], mapping: Mapping, anchors: Sequence[str]) -> list[_Place]:
    values = plain(mapping)
    prefixes = dict.fromkeys(name.removesuffix(anchor) for name in values for anchor in anchors
                             if name == anchor or name.endswith(f".{anchor}"))
    return [_Place(keys, prefix, values) for prefix in prefixes]


def _rank(place: _Place) -> tuple[bool, int, int]:
    """What is taken first: no average, by the order of the wrappings, with the shortest prefix."""
    parts = (*place.keys, *place.prefix.split("."))
    wrapped = [WRAPPERS.index(key) if key in WRAPPERS else len(WRAPPERS) for key in place.keys] or [-1]
    return any(map(AVERAGED.fullmatch, parts)), max(wrapped), len(place.prefix)

"""Choosing from a table of kinds by name."""

from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from vaer.errors import UserError

Kind = TypeVar("Kind")


def choose(table: dict[str, Kind], key: str, flag: str) -> Kind:
    """The entry `key` of `table`; a UserError that names `flag` and the choices where there is none."""
    if key not in table:
        raise UserError(f"--{flag} {key!r} is unknown; choose from {', '.join(sorted(table))}.")
    return table[key]


def modules_of(package: str, *names: str, **files: str) -> dict[str, ModuleType]:
    """The kinds of a package by name, each a module: the one called like it, or the one that `files` names."""
    return {name: import_module(f"{package}.{files.get(name, name)}") for name in sorted({*names, *files})}


def classes_of(package: str, ending: str, *names: str) -> dict[str, Any]:
    """The kinds of a package by name, each a class: `cross_attention` with the `ending` Fusion is CrossAttentionFusion
    of cross_attention.py.
    """
    return {name: getattr(module, f"{name.title().replace('_', '')}{ending}")
            for name, module in modules_of(package, *names).items()}

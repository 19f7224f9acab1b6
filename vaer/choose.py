"""Choosing from a table of kinds by name."""

from typing import TypeVar

from vaer.errors import UserError

Kind = TypeVar("Kind")


def choose(table: dict[str, Kind], key: str, flag: str) -> Kind:
    """The entry `key` of `table`; a UserError that names `flag` and the choices where there is none."""
    if key not in table:
        raise UserError(f"--{flag} {key!r} is unknown; choose from {', '.join(sorted(table))}.")
    return table[key]

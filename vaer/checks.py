"""What a section of settings asks of its values."""

import dataclasses
from typing import Any

from vaer.errors import UserError


def require(condition: bool, message: str) -> None:
    """Raise a UserError with `message` unless `condition` holds."""
    if not condition:
        raise UserError(message)


def require_range(flag: str, value: float | None, low: float, high: float = float("inf")) -> None:
    """Refuse a value outside [low, high]; None passes."""
    if value is not None and not low <= value <= high:
        span = f"at least {low}" if high == float("inf") else f"between {low} and {high}"
        raise UserError(f"--{flag} is {value}; it must be {span}.")


def require_kind(flag: str, section: Any, only: dict[str, tuple[str, ...]]) -> None:
    """Refuse settings of another kind than the section's own; those left at their defaults pass."""
    usual = {part.name: part.default for part in dataclasses.fields(section)}
    for kind, names in only.items():
        given = [name for name in names if getattr(section, name) != usual[name]]
        require(kind == section.kind or not given,
                f"--{flag}.{', '.join(given)} belongs to --{flag}.kind {kind} (now {section.kind}); leave it out.")

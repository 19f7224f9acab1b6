"""A folder that a command fills belongs to the settings with which it began."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from vaer.atomic_files import write_facts
from vaer.errors import UserError


class Content(NamedTuple):
    """How messages speak of what a command fills a folder with."""

    held: str
    """After "holds": a demo corpus."""
    lacked: str
    """After "holds no": demo corpus."""
    again: str
    """What is to be done after deleting it: render it anew."""


def open_output_folder(path: Path, settings: dict[str, Any], content: Content,
                       begun: dict[str, Any] | None = None) -> None:
    """Make the folder of `path` and write `settings` there, with what `begun` says of work that only begins.

    What is there already stays. Raises UserError where that was made with other settings, or is something else.
    """
    root = path.parent
    if path.exists():
        try:
            there = dict(json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}: cannot be read ({error}); delete the folder and {content.again}.") from error
        other = [f"{name} {there.get(name)} (asked for: {value})" for name, value in settings.items()
                 if there.get(name) != value]
        if other:
            raise UserError(f"{root}: holds {content.held} with other settings: {', '.join(other)}; choose another "
                            f"folder, or delete this one first.")
        return
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"{root}: is there already and holds no {content.lacked}; choose a new or empty folder.")
    root.mkdir(parents=True, exist_ok=True)
    write_facts(path, settings | (begun or {}))

"""Settings and facts as JSON files, and texts, each written whole or not at all."""

import json
from pathlib import Path
from typing import Any

from vaer.errors import UserError


def read_facts(path: Path) -> dict[str, Any]:
    """What `write_facts` wrote; nothing where there is no such file. Raises UserError where it cannot be read."""
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: cannot be read ({error}); copy the folder again, or make it anew.") from error
    if not isinstance(facts, dict):
        raise UserError(f"{path}: cannot be read (no facts by name); copy the folder again, or make it anew.")
    return facts


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Write settings or facts as JSON, whole or not at all."""
    write_text(path, json.dumps(facts, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: what was there stays where the disk is full."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error

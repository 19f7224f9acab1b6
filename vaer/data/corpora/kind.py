"""What every corpus module has, and what most of them say there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from vaer.records import Item


@dataclass(frozen=True)
class OwnSettings:
    """The settings that one corpus takes and others do not: here none."""

    flags: ClassVar[str] = "data."
    """What stands before a field's name in its flag."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""


class CorpusKind(Protocol):
    """How a folder is read; a module is one."""

    Settings: type[OwnSettings]
    """The settings of its own, with their defaults and help."""

    def labels(self, root: Path, config: Any) -> tuple[str, ...]:
        """The classes, in the order of the network's answers."""
        ...

    def scan(self, root: Path, config: Any) -> list[Item]:
        """A clip a take, in a fixed order; clips of a label that is no class are left out and counted."""
        ...

    def lacking(self, items: list[Item], config: Any, speakers: set[str] | None) -> str:
        """What the published corpus has of `speakers` (None: of everybody) and `items` lack; empty where nothing."""
        ...

    def take_of(self, name: str) -> str | None:
        """The take of which the name of a file without ending speaks, where names do that; else None."""
        ...


def lacks_nothing(items: list[Item], config: Any, speakers: set[str] | None) -> str:
    """Nothing: what is there is the corpus, or `scan` refuses one that is not whole."""
    return ""


def names_no_take(name: str) -> str | None:
    """None: in such a corpus a part of a name may be another clip's."""
    return None

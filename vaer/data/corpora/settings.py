"""The settings that some corpora alone take, all together, as flags and config.yaml have them."""

from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from vaer.checks import require
from vaer.data.corpora import CORPORA, folders, ravdess


@dataclass(frozen=True)
class CorpusSettings(folders.Settings, ravdess.Settings):
    """What some corpora alone are asked."""

    def require_own(self, corpus: str | None) -> None:
        """Refuse settings that are not those of `corpus`; what is left at its default passes."""
        for part in fields(CorpusSettings):
            value, takers = getattr(self, part.name), [name for name in CORPORA if part.name in names_of(name)]
            require(value == _default(part) or corpus in takers,
                    f"--{self.flags}{part.name} is for --{self.flags}corpus "
                    f"{' and '.join(takers)}{f', not {corpus}' if corpus else ''}; leave it out.")

    def own(self, corpus: str | None) -> dict[str, Any]:
        """Those that `corpus` takes (None: all of them), by name."""
        return {part.name: getattr(self, part.name) for part in fields(CorpusSettings)
                if corpus is None or part.name in names_of(corpus)}


def names_of(corpus: str) -> list[str]:
    """The names of the settings that a corpus takes for its own."""
    return [part.name for part in fields(CORPORA[corpus].Settings)]


def _default(part: Field[Any]) -> Any:
    return part.default if part.default_factory is MISSING else part.default_factory()

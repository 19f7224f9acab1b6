"""Which run a folder may go on with, and what such a run keeps of its beginning."""

from pathlib import Path
from typing import Any

from vaer.config import HOW_IT_RAN, Config, differing
from vaer.errors import UserError
from vaer.runs.folder import RunFolder

MAY_DIFFER = HOW_IT_RAN | {"train.refit", "train.compile"}
"""Settings that a run may go on with others of."""


def require_resumable(folder: RunFolder, config: Config) -> None:
    """Refuse a folder that holds a run, unless this run goes on with it under the same settings."""
    if not folder.is_begun():
        return
    if not config.train.resume:
        raise UserError(f"{folder}: holds a run already; choose another --output, or go on with it by "
                        f"--train.resume true.")
    others = [name for name in differing(folder.settings(), config) if name not in MAY_DIFFER]
    if others:
        raise UserError(f"{folder}: this run began with other values of {', '.join(others)}; "
                        f"resume it with those of its config.yaml, or choose another --output.")
    kept = folder.split_path
    if kept.is_file() and kept.read_bytes() != Path(config.data.protocol).read_bytes():
        raise UserError(f"{folder}: this run began with another content of {config.data.protocol}, kept in {kept}; "
                        f"restore it, or choose another --output.")


def require_same(folder: RunFolder, speakers: dict[str, list[str]], precision: str) -> None:
    """Refuse to go on with what settings do not say: groups are dealt from the speakers whom the folder holds, and the
    launcher may choose the precision.
    """
    facts = folder.facts()
    before = facts.get("speakers", speakers)
    if before != speakers:
        raise UserError(f"{folder}: this run began with speakers {', '.join(before['train'])}, and --data.root now "
                        f"makes that {', '.join(speakers['train'])}; restore the corpus, or choose another --output.")
    if facts.get("precision", precision) != precision:
        raise UserError(f"{folder}: this run began with precision {facts['precision']}, and the launcher now says "
                        f"{precision}; give the launcher --mixed_precision {facts['precision']}.")


def recorded(folder: RunFolder) -> dict[str, Any]:
    """What a run that goes on said of the weights it started from: those are needed no more."""
    facts = folder.facts()
    return {"started": facts.get("started"), "pretrained": facts.get("pretrained", {}),
            "warnings": facts.get("warnings", []), "given": facts.get("given", [])}

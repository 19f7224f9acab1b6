"""What is known of every prepared clip: a table, and the journal from which work that was interrupted goes on."""

import contextlib
import json
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vaer.data.manifest import NAME as MANIFEST
from vaer.errors import GivenUpError, MediaError, UserError
from vaer.media.probe import version

JOURNAL, SETTINGS = "manifest.part.jsonl", "prepare.json"
REPORT = "report"
OVERVIEWS = f"{REPORT}/frames"
TEXTS = ("path", "source", "notes", "reason", "sha256")  # what pandas may not take for numbers


class Facts(NamedTuple):
    """A row of the manifest."""

    path: str
    """The clip, relative to the manifest; empty where the file could not be prepared."""
    source: str
    """The file, relative to its folder; bytes of its name that are not UTF-8 as \\xNN, as in the clip's name."""
    notes: str
    """What is doubtful: no face, several faces, no sound, channels cancel out, silent, clipped."""
    reason: str
    """Why the file could not be prepared."""
    duration_s: float = 0.0
    frames: int = 0
    fps: float = 0.0
    """Mean number of frames a second."""
    width: int = 0
    height: int = 0
    faces: int = 0
    """Faces that were followed; the first is the one in the clip."""
    detected: float = 0.0
    """Share of the frames in which that face was found, not interpolated."""
    confidence: float = 0.0
    """The detector's mean confidence in it."""
    loudness_db: float = float("-inf")
    """Root mean square of the audio, dB of full scale."""
    bytes: int = 0
    sha256: str = ""
    source_bytes: int = 0
    source_modified_ns: int = 0


def failed(source: str, path: str, error: MediaError) -> Facts:
    """The row of a file, now at `path`, that cannot be prepared.

    What was given up is not known as it is now, so that the next preparation tries it again.
    """
    num_bytes = modified_ns = 0
    if not isinstance(error, GivenUpError):
        with contextlib.suppress(MediaError):
            num_bytes, modified_ns = version(path)
    return Facts("", source, "", error.reason, source_bytes=num_bytes, source_modified_ns=modified_ns)


def read(root: Path) -> dict[str, Facts]:
    """The rows of a folder by source: those of its table, then those of a journal that was left."""
    rows = {}
    if (root / MANIFEST).exists():
        try:
            table = pd.read_csv(root / MANIFEST, keep_default_na=False, dtype=dict.fromkeys(TEXTS, str))
            rows = {row["source"]: Facts(**row) for row in table.to_dict("records")}
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{root / MANIFEST}: cannot be read as a manifest ({error}); delete it, and everything is "
                            f"prepared anew.") from error
    if (root / JOURNAL).exists():
        for line in (root / JOURNAL).read_text(encoding="utf-8").splitlines():
            try:
                facts = Facts(*json.loads(line))
            except json.JSONDecodeError:  # the line that was being written when the work was killed
                continue
            rows[facts.source] = facts
    return rows


def write(root: Path, rows: dict[str, Facts]) -> None:
    """The table, by source, in place of the old one; the journal is needed no more."""
    part = root / f"{MANIFEST}.part"
    ordered = [rows[source] for source in sorted(rows)]
    pd.DataFrame(ordered, columns=Facts._fields).to_csv(part, index=False, lineterminator="\n")
    part.replace(root / MANIFEST)
    (root / JOURNAL).unlink(missing_ok=True)


def is_current(facts: Facts | None, source: Path, target_root: Path) -> bool:
    """Whether a row tells of the file `source` as it is now, and its clip is there."""
    if facts is None or (facts.path and not (target_root / facts.path).exists()):
        return False
    try:
        return version(str(source)) == (facts.source_bytes, facts.source_modified_ns)
    except MediaError:
        return False

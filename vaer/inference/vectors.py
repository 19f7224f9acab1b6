"""The vectors of many files in one: what frozen-feature systems begin with, from a network trained for it."""

import json
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from vaer.config import require
from vaer.errors import MediaError, RunError
from vaer.inference.inputs import find_inputs
from vaer.inference.predictor import Predictor
from vaer.words import counted

KINDS = ("video", "audio", "fused")
FACTS = ("window", "shot", "track", "start_s", "end_s", "face", "voice")
PIECE = 1 << 24  # bytes copied at once


def embed_files(predictor: Predictor, named: Sequence[str], out: Path) -> None:
    """Write an npz of the vectors of every window of every file, in order, with what each row stands for.

    `video`, `audio` and `fused` are (rows, dim) float32, NaN where a row has not got that; `path`, `window`, `track`,
    `start_s`, ... are (rows,). Vectors wait on the disk, not in memory. Raises UserError where nothing can be begun,
    RunError at the end where a file could not be read.
    """
    require(out.suffix == ".npz", f"--out {out}: the vectors are written as .npz; give a name with that ending.")
    files = find_inputs(list(named))
    rows: list[dict[str, Any]] = []
    bad = 0
    with tempfile.TemporaryDirectory(prefix="vaer-") as folder:
        tables = {kind: _Table(Path(folder) / kind) for kind in KINDS}
        for path in track(files, "embedding", console=Console(stderr=True), transient=True):
            try:
                found = list(predictor.embed(path))
            except MediaError as error:
                bad += 1
                print(f"vaer: {error}", file=sys.stderr)
                continue
            for facts, vectors in found:
                rows.append({"path": path} | {name: facts[name] for name in FACTS})
                for kind, table in tables.items():
                    table.add(vectors.get(kind))
        notes = json.dumps({"network": predictor.trained.sha256, "notes": list(predictor.notes)})
        _write(out, tables, {name: np.array([row[name] for row in rows]) for name in ("path", *FACTS)} | {
            "network": np.array(notes)})
    print(f"{out}: {counted(len(rows), 'row')} of {counted(len(files) - bad, 'file')}")
    if bad:
        raise RunError(f"{out}: {bad} of {len(files)} files could not be read, named above, and have no rows.")


class _Table:
    """Rows of one width on the disk; how wide they are is known with the first that is there."""

    def __init__(self, path: Path) -> None:
        self.path, self.dim, self.rows, self.absent = path, 0, 0, 0
        path.touch()

    def add(self, vector: np.ndarray | None) -> None:
        if vector is None and not self.dim:
            self.absent += 1  # before the width is known
        else:
            with self.path.open("ab") as file:
                if not self.dim and vector is not None:
                    self.dim = len(vector)
                    file.write(np.full((self.absent, self.dim), np.nan, dtype="<f4").tobytes())
                file.write((np.full(self.dim, np.nan) if vector is None else vector).astype("<f4").tobytes())
        self.rows += 1


def _write(out: Path, tables: dict[str, _Table], columns: dict[str, np.ndarray]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, values in columns.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, values, allow_pickle=False)
        for kind, table in tables.items():
            with archive.open(f"{kind}.npy", "w", force_zip64=True) as member, table.path.open("rb") as content:
                header = {"descr": "<f4", "fortran_order": False, "shape": (table.rows, table.dim)}
                np.lib.format.write_array_header_2_0(member, header)
                while piece := content.read(PIECE):
                    member.write(piece)
    part.replace(out)

"""Vectors as a file that other programs open, chosen by its ending; each is written row by row, never held whole."""

import itertools
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vaer.errors import UserError
from vaer.inference.store import KINDS, VectorStore

FACTS = ("path", "window", "shot", "track", "start_s", "end_s", "face", "voice")
GROUP = 4096  # rows of a row group: what a reader of Parquet holds at least


def write_npz(out: Path, store: VectorStore, notes: dict[str, Any]) -> None:
    """`video`, `audio` and `fused` (rows, dim) float32, NaN where a row has none, and an array for each fact."""
    facts = [row for row, _ in store.rows()]
    columns = {name: np.array([row[name] for row in facts]) for name in FACTS}
    columns["network"] = np.array(json.dumps(notes))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, values in columns.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:  # no date in it
                np.lib.format.write_array(member, values, allow_pickle=False)
        for kind in KINDS:
            dim = store.dims.get(kind, 0)
            absent = np.full(dim, np.nan, dtype="<f4")
            with archive.open(zipfile.ZipInfo(f"{kind}.npy"), "w", force_zip64=True) as member:
                header = {"descr": "<f4", "fortran_order": False, "shape": (len(facts), dim)}
                np.lib.format.write_array_header_2_0(member, header)
                for _, vectors in store.rows() if dim else ():
                    vector = vectors[kind]
                    member.write((absent if vector is None else vector).tobytes())


def write_parquet(out: Path, store: VectorStore, notes: dict[str, Any]) -> None:
    """A column for each fact, and one of float32 lists for each kind that the network has, null where one is absent."""
    parquet, arrow = _parquet(), _arrow()
    numbers = {"window": arrow.int32(), "shot": arrow.int32(), "start_s": arrow.float64(), "end_s": arrow.float64()}
    types = {name: numbers.get(name, arrow.string()) for name in FACTS}
    types |= {kind: arrow.list_(arrow.float32(), dim) for kind, dim in store.dims.items()}
    schema = arrow.schema(list(types.items()), metadata={"vaer": json.dumps(notes)})
    rows = store.rows()
    with parquet.ParquetWriter(out, schema) as writer:
        while group := list(itertools.islice(rows, GROUP)):
            columns = {name: [facts[name] for facts, _ in group] for name in FACTS}
            columns |= {kind: [vectors[kind] for _, vectors in group] for kind in store.dims}
            writer.write_table(arrow.table(columns, schema=schema), row_group_size=GROUP)


FORMATS: dict[str, Callable[[Path, VectorStore, dict[str, Any]], None]] = {
    ".npz": write_npz,
    ".parquet": write_parquet,
}


def require_format(out: Path) -> None:
    """Refuse a name whose ending is that of no format, or of one whose library is missing."""
    if out.suffix not in FORMATS:
        raise UserError(f"--out {out}: vectors are written as {' or '.join(FORMATS)}; give a name with such an ending.")
    if FORMATS[out.suffix] is write_parquet:
        try:
            _parquet()
        except ImportError as error:
            raise UserError(f"--out {out}: Parquet needs pyarrow, which does not load here ({error}); install it "
                            f"(pip install 'vaer[parquet]'), or write .npz.") from error


def _arrow() -> Any:
    import pyarrow

    return pyarrow


def _parquet() -> Any:
    import pyarrow.parquet

    return pyarrow.parquet

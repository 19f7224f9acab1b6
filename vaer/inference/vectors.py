"""The vectors of many files in one: what frozen-feature systems begin with, from a network trained for it."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from vaer.errors import MediaError, RunError
from vaer.inference.file_windows import FaceCache
from vaer.inference.inputs import find_inputs
from vaer.inference.predictor import Predictor
from vaer.inference.store import VectorStore
from vaer.inference.vector_files import FORMATS, require_format
from vaer.words import counted


def embed_files(predictor: Predictor, named: Sequence[str], out: Path) -> None:
    """Write the vectors of every window of every file, in order, with what each row stands for, as npz or Parquet.

    Vectors wait on the disk, in a folder beside `out` from which an interrupted command goes on. Raises UserError
    where nothing can be begun, RunError at the end where a file could not be read.
    """
    require_format(out)
    files = find_inputs(list(named))
    store = VectorStore(out.with_name(f".{out.name}.part"), predictor.settings_of_rows())
    bad = 0
    for path in track(files, "embedding", console=Console(stderr=True), transient=True):
        error = _embed_file(predictor, path, store)
        if error is not None:
            bad += 1
            print(f"vaer: {error}", file=sys.stderr)
    part = out.with_name(f"{out.name}.part")
    FORMATS[out.suffix](part, store, {"network": predictor.trained.sha256, "notes": list(predictor.notes)})
    part.replace(out)
    store.close()
    print(f"{out}: {counted(store.count, 'row')} of {counted(len(files) - bad, 'file')}")
    if bad:
        raise RunError(f"{out}: {bad} of {counted(len(files), 'file')} could not be read, named above: no rows.")


def _embed_file(predictor: Predictor, path: str, store: VectorStore) -> str | None:
    """Keep the rows of one file, or those that are not there yet; what is wrong with it, if it cannot be read."""
    try:
        content = predictor.content_of(path)
    except MediaError as error:
        content = {"path": path, "error": str(error)}
    known = store.begin(content)
    if known.done or "error" in content:
        if not known.done:
            store.end(content["error"])
        return known.error if known.done else content["error"]
    memory = FaceCache(known.faces)
    try:
        for batch in predictor.embed_batches(path, memory, known.rows):
            store.add(memory.take(), batch)
    except MediaError as error:
        store.end(str(error))
        return str(error)
    store.end()
    return None

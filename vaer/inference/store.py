"""Vectors that wait on the disk until the last file was asked; an interrupted command goes on from what is there."""

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaer.inference.journal import faces_of, plain_faces
from vaer.prepare.faces import Face

KINDS = ("video", "audio", "fused")
WIDTH = np.dtype("<f4").itemsize
Vectors = Mapping[str, np.ndarray]


class StoredFile(NamedTuple):
    """What an earlier command had of a file."""

    rows: int
    faces: dict[int, list[Face]]
    error: str | None
    """Why it has no rows."""
    done: bool


class VectorStore:
    """A folder with a line a batch in a journal, and the vectors of each kind as plain numbers.

    Numbers are written before the line that counts them, so that what no line counts is cut off.
    """

    def __init__(self, folder: Path, header: dict[str, Any]) -> None:
        self.folder, self.header, self.journal = folder, header, folder / "journal.jsonl"
        self.dims: dict[str, int] = {}
        self.count = 0
        """Rows of all files so far."""
        self.before = self._read()
        """The lines of each file of an earlier command, which are taken up one after the other."""
        folder.mkdir(parents=True, exist_ok=True)
        self.held = dict.fromkeys(KINDS, 0)
        """Vectors of each kind so far."""
        self._lines = [header]
        self._fresh = False
        self._mark()

    def begin(self, facts: dict[str, Any]) -> StoredFile:
        """Go to the next file, whose content and preparation `facts` say; what is known of it, where it is the same."""
        self._mark()
        known = self.before.pop(0) if self.before else []
        batches = [line for line in known if "rows" in line and "error" not in known[-1]]
        for line in batches:
            self._count(line)
        if not known or known[0] != {"file": facts} or not self._is_there():
            self._back()
            self._start_anew()
            self._write({"file": facts})
            return StoredFile(0, {}, None, False)
        self._lines += known
        faces = faces_of(found for line in batches for found in line["faces"])
        done = known[-1].keys() <= {"done", "error"}
        stored = StoredFile(self.count - self._before[1], faces, known[-1].get("error"), done)
        if not stored.done:
            self._start_anew()
        return stored

    def add(self, faces: Iterable[tuple[int, list[Face]]], rows: Sequence[tuple[dict[str, Any], Vectors]]) -> None:
        """Keep a batch of the file that was begun: the facts and vectors of its rows, and the faces found for them."""
        for kind in KINDS:
            present = [vectors[kind].astype("<f4") for _, vectors in rows if kind in vectors]
            if present:
                self.dims.setdefault(kind, len(present[0]))
                with self._path(kind).open("ab") as file:
                    file.write(np.concatenate(present).tobytes())
        line = {"faces": plain_faces(faces),
                "rows": [facts | {"has": [kind for kind in KINDS if kind in vectors]} for facts, vectors in rows],
                "dims": dict(self.dims)}
        self._count(line)
        self._write(line)

    def end(self, error: str | None = None) -> None:
        """The file that was begun is asked; with an `error` it has no rows."""
        if error is not None:
            self._back()
            self._cut()
        self._write({"done": True} if error is None else {"error": error})

    def rows(self) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray | None]]]:
        """Every row of every file in order: its facts, `path` among them, and its vector of each kind or None."""
        if self.before:  # files that are not asked about now
            self._start_anew()
        with contextlib.ExitStack() as opened:
            files = {kind: opened.enter_context(self._path(kind).open("rb")) for kind in self.dims}
            for group in _by_file(self._lines_there()):
                for facts in (facts for line in group if "error" not in group[-1] for facts in line.get("rows", ())):
                    vectors = {kind: np.frombuffer(files[kind].read(dim * WIDTH), "<f4")
                               if kind in facts["has"] else None for kind, dim in self.dims.items()}
                    yield {"path": group[0]["file"]["path"]} | facts, vectors

    def close(self) -> None:
        """Everything is written elsewhere."""
        shutil.rmtree(self.folder)

    def _path(self, kind: str) -> Path:
        return self.folder / f"{kind}.f4"

    def _read(self) -> list[list[dict[str, Any]]]:
        if next(self._lines_there(), None) != self.header:
            return []
        return list(_by_file(self._lines_there()))

    def _lines_there(self) -> Iterator[dict[str, Any]]:
        """Without one that was being written when the command was killed."""
        if self.journal.is_file():
            with self.journal.open(encoding="utf-8", errors="replace") as file:
                for text in file:
                    try:
                        yield json.loads(text)
                    except ValueError:
                        return

    def _mark(self) -> None:
        self._before = dict(self.held), self.count, dict(self.dims)

    def _back(self) -> None:
        """To where the file began."""
        self.held, self.count, self.dims = dict(self._before[0]), self._before[1], dict(self._before[2])

    def _is_there(self) -> bool:
        """Whether the disk has all that was counted: it may not after a power cut."""
        return all(not count or (self._path(kind).is_file()
                   and self._path(kind).stat().st_size >= count * self.dims[kind] * WIDTH)
                   for kind, count in self.held.items())

    def _count(self, line: dict[str, Any]) -> None:
        self.dims |= line["dims"]
        self.count += len(line["rows"])
        for facts in line["rows"]:
            for kind in facts["has"]:
                self.held[kind] += 1

    def _start_anew(self) -> None:
        """From here on everything is asked: forget what came after, once."""
        if not self._fresh:
            self._fresh, self.before = True, []
            part = self.journal.with_name("journal.new")
            part.write_text("".join(json.dumps(line) + "\n" for line in self._lines), encoding="utf-8")
            part.replace(self.journal)
            self._lines = []
            self._cut()

    def _cut(self) -> None:
        for kind, count in self.held.items():
            if self._path(kind).is_file() and count:
                with self._path(kind).open("r+b") as file:
                    file.truncate(count * self.dims[kind] * WIDTH)
            else:
                self._path(kind).unlink(missing_ok=True)

    def _write(self, line: dict[str, Any]) -> None:
        with self.journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _by_file(lines: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The lines of each file in turn."""
    group: list[dict[str, Any]] = []
    for line in lines:
        if "file" in line:
            if group:
                yield group
            group = []
        if group or "file" in line:
            group.append(line)
    if group:
        yield group

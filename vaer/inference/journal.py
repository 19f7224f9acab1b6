"""What is known of a file that is being answered: lines beside its result, from which an interrupted run goes on."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vaer.prepare.faces import Face


class Journal:
    """The lines of one file; those of other settings, or of another content of the file, are forgotten."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self.faces: dict[int, list[Face]] = {}
        lines = [] if not path.is_file() else self._whole_lines()
        if lines and lines[0] == header:
            for line in lines[1:]:
                if "row" in line:
                    self.rows.append(line["row"])
                else:
                    self.faces |= faces_of(line["faces"])
        else:
            lines = [header]
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.new")
        part.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        part.replace(path)

    def _whole_lines(self) -> list[dict[str, Any]]:
        """Without one that was being written when the work was killed."""
        found = []
        for text in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(text))
            except ValueError:
                break
        return found

    def write(self, faces: Iterable[tuple[int, list[Face]]], rows: Iterable[dict[str, Any]]) -> None:
        """Append what is new: faces by frame, and answered rows."""
        lines: list[dict[str, Any]] = [{"faces": plain_faces(faces)}]
        lines += [{"row": row} for row in rows]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
            file.flush()


def plain_faces(faces: Iterable[tuple[int, list[Face]]]) -> list[list[Any]]:
    """Faces by frame as JSON holds them."""
    return [[number, [list(face) for face in found]] for number, found in faces]


def faces_of(plain: Iterable[list[Any]]) -> dict[int, list[Face]]:
    """What `plain_faces` was given."""
    return {int(number): [Face(*face) for face in found] for number, found in plain}

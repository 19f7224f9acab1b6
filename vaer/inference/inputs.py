"""What is to be predicted: files, folders, patterns and lists as they were named, and where each answer goes."""

import glob
import os
from pathlib import Path

from vaer.data.files import clips_among, files_under
from vaer.errors import UserError

LIST = ".txt"


def find_inputs(named: list[str]) -> dict[str, str]:
    """The path of every file, with the name of its answer: its own, without folders but those below a named one.

    A file with the ending .txt is a list of paths, one a line, from its own folder on. Raises UserError where a name
    stands for nothing, or two files would have one answer.
    """
    found: dict[str, str] = {}
    for name in named:
        for path, answer in _files(name):
            found.setdefault(path, answer)
    places: dict[str, str] = {}
    for path, answer in found.items():
        if answer in places:
            raise UserError(f"{path}: would have the answer {answer}, like {places[answer]}; predict one of the two "
                            f"into another --out.")
        places[answer] = path
    return found


def _files(name: str) -> list[tuple[str, str]]:
    if os.path.isdir(name):
        inside = clips_among(files_under(Path(name)))
        if not inside:
            raise UserError(f"{name}: holds no media file; name a folder of media files, or the files.")
        return [(path, os.path.relpath(path, name)) for path in inside]
    if os.path.isfile(name) and name.lower().endswith(LIST):
        return _listed(Path(name))
    if os.path.exists(name):
        return [(name, os.path.basename(name))]
    matching = sorted(glob.glob(name, recursive=True))
    if not matching:
        raise UserError(f"{name}: there is no such file or folder, and the pattern fits none; correct the path.")
    return [pair for path in matching for pair in (_files(path) if os.path.isdir(path) else [
        (path, os.path.basename(path))])]


def _listed(path: Path) -> list[tuple[str, str]]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a list ({error}); write a path a line, in UTF-8.") from error
    paths = [os.path.join(path.parent, line) for line in lines if line and not line.startswith("#")]
    if not paths:
        raise UserError(f"{path}: lists no file; write a path a line.")
    return [(one, os.path.basename(one)) for one in paths]  # one that is not there is a bad file among others

"""What is to be predicted: files, folders, patterns and lists as they were named, and where each answer goes."""

import glob
import os
from pathlib import Path

from vaer.checks import require
from vaer.data.files import files_under, is_clip, is_media_file
from vaer.data.listed import clips_under
from vaer.errors import UserError
from vaer.runs.folder import RunFolder, best_of, fold_name, is_run, runs_among

LIST = ".txt"
NO_PATTERN = ", and the pattern fits none"


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


def run_and_files(named: list[str]) -> tuple[str | None, list[str]]:
    """The run that is to answer, None for the starter network, and what is to be predicted, as it was named.

    The first name is the run's where it is that of one. Raises UserError where a name stands for nothing, so that a
    run that is misspelt is not taken for a file.
    """
    first, *rest = named
    if is_run(first) or (RunFolder(Path(first)).facts_path.is_file() and not _has_media(first)):
        if not rest:
            require_one_network(first)
        require(bool(rest), f"{first}: is a network, and no file is named that it should answer; add one, as in vaer "
                            f"predict {first} FILE.")
        return first, rest
    require(os.path.exists(first) or bool(glob.glob(first, recursive=True)),
            f"{first}: there is no such run, file or folder{NO_PATTERN * glob.has_magic(first)}; correct the path.")
    folder = os.path.dirname(first)
    require(is_clip(first) or not os.path.isfile(first) or not is_run(folder),
            f"{first}: is a file of a run; name its folder, {folder}, before the files.")
    require(not os.path.isdir(first) or bool(clips_under(Path(first))),
            f"{first}: holds neither a trained network (best/config.json and best/model.safetensors) nor a media file; "
            f"name the folder of a run, or files.")
    find_inputs(named)
    return None, named


def require_one_network(source: str | Path) -> None:
    """Refuse a folder of folds, of which one has to be named."""
    require(best_of(source) is not None or not RunFolder(Path(source)).has_folds(),
            f"{source}: holds a network for each fold; name one of them, such as {Path(source) / fold_name(0)}, or the "
            f"refit of one (--train.refit true).")


def _has_media(folder: str) -> bool:
    """Whether audio or video lies in a folder; stills may be the figures of a run."""
    return any(map(is_media_file, files_under(Path(folder))))


def _files(name: str) -> list[tuple[str, str]]:
    if os.path.isdir(name):
        inside = clips_under(Path(name))
        if not inside:
            raise UserError(f"{name}: holds no media file; name a folder of media files, or the files.")
        runs = [] if any(map(is_media_file, inside)) else runs_among(files_under(Path(name)))
        if runs:  # whose figures are no faces
            what = "is a run" if runs[0].path == Path(name) else f"holds the run {runs[0]}"
            raise UserError(f"{name}: {what} and neither audio nor video; name a run first, and then the files: vaer "
                            f"predict {runs[0]} FILE.")
        return [(path, os.path.relpath(path, name)) for path in inside]
    if os.path.isfile(name) and name.lower().endswith(LIST):
        return _listed(Path(name))
    if os.path.exists(name):
        return [(name, os.path.basename(name))]
    matching = sorted(glob.glob(name, recursive=True))
    if not matching:
        pattern = NO_PATTERN * glob.has_magic(name)
        raise UserError(f"{name}: there is no such file or folder{pattern}; correct the path.")
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

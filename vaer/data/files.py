"""Which files of a folder are media files, by their names: one list of endings and one way through folders for all."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vaer.errors import as_text, warn_once
from vaer.media import STILL_ENDINGS
from vaer.words import counted

VIDEO_ENDINGS = (
    ".mp4", ".mkv", ".avi", ".mov", ".m4v", ".flv", ".mpg", ".mpeg", ".webm", ".wmv", ".ts", ".3gp", ".3g2", ".asf",
    ".divx", ".dv", ".f4v", ".m2t", ".m2ts", ".m2v", ".mk3d", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm",
    ".rmvb", ".vob", ".wtv")
AUDIO_ENDINGS = (
    ".wav", ".flac", ".opus", ".ogg", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".ac3", ".aifc", ".amr", ".ape",
    ".au", ".awb", ".bwf", ".caf", ".dts", ".eac3", ".g722", ".gsm", ".m4b", ".mka", ".mp2", ".mpc", ".mpga", ".nist",
    ".oga", ".rf64", ".snd", ".sph", ".spx", ".tta", ".voc", ".w64", ".wave", ".weba", ".wv")
MEDIA_ENDINGS = VIDEO_ENDINGS + AUDIO_ENDINGS
# What macOS, Windows and file servers leave among files, in small letters; ._NAME is the other half of NAME on macOS.
LITTER_FILES = {".ds_store", "desktop.ini", "ehthumbs.db", "icon\r", "thumbs.db"}
LITTER_FOLDERS = {"__macosx", ".appledouble", ".documentrevisions-v100", ".fseventsd", ".spotlight-v100",
                  ".temporaryitems", ".trash", ".trashes", "@eadir", "$recycle.bin", "system volume information"}
NAMED = 3


class Walk(NamedTuple):
    """What lies under a folder."""

    files: list[str]
    litter: list[str]
    """What an operating system left there, passed over: files, and folders with all that is in them."""


def files_under(root: Path) -> list[str]:
    """The files of `walk`; how much litter was passed over is said once."""
    found = walk(root)
    if found.litter:
        names = ", ".join(as_text(os.path.relpath(path, root)) for path in found.litter[:NAMED])
        more = f" and {len(found.litter) - NAMED} more" if len(found.litter) > NAMED else ""
        warn_once(f"{as_text(root)}: passed over {counted(len(found.litter), 'item')} that an operating "
                  f"system left there: {names}{more}.")
    return found.files


def walk(root: Path) -> Walk:
    """The path of every file under `root`, at any depth, through links; folders and names in their order.

    Every folder is entered once, however many links lead to it: by its own path where that lies under `root`.
    """
    found, seen, starts, through_links = Walk([], []), set(), [str(root)], False
    while starts:
        links = []
        for start in starts:
            for folder, subfolders, names in _unseen_folders(start, seen):
                paths = {name: os.path.join(folder, name) for name in sorted([*names, *subfolders])}
                found.litter.extend(path for name, path in paths.items() if is_litter(name, name in subfolders))
                found.files.extend(paths[name] for name in sorted(names) if not is_litter(name))
                subfolders[:] = sorted(name for name in subfolders if not is_litter(name, True))
                links += [paths[name] for name in subfolders if os.path.islink(paths[name])]
        through_links = through_links or bool(links)
        starts = links
    if through_links:
        found.files.sort(key=lambda path: _place(path, root))
    return found


def _unseen_folders(start: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, list[str], list[str]]]:
    """What `os.walk` gives without following links, but for folders that were seen before."""
    for folder, subfolders, names in os.walk(start, onerror=_not_listed):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
        else:
            seen.add((status.st_dev, status.st_ino))
            yield folder, subfolders, names


def _not_listed(error: OSError) -> None:
    warn_once(f"{as_text(error.filename)}: cannot be listed ({error.strerror}); what is in it is left out.")


def _place(path: str, root: Path) -> list[tuple[bool, str]]:
    """By which paths are sorted as a walk gives them: the files of a folder come before its subfolders."""
    *folders, name = os.path.relpath(path, root).split(os.sep)
    return [*((True, folder) for folder in folders), (False, name)]


def is_litter(name: str, is_folder: bool = False) -> bool:
    """Whether a name is that of something that an operating system leaves beside files."""
    return name.lower() in LITTER_FOLDERS if is_folder else name.startswith("._") or name.lower() in LITTER_FILES


def is_media_file(path: str) -> bool:
    """Whether a file's ending is that of audio or video."""
    return path.lower().endswith(MEDIA_ENDINGS)


def is_clip(path: str) -> bool:
    """Whether a file's ending is that of audio, video or a still image, which is a clip of one frame."""
    return is_media_file(path) or path.lower().endswith(STILL_ENDINGS)


def clips_among(paths: list[str]) -> list[str]:
    """The media files among files or, where there is none, the still images: beside videos those are something else."""
    media_files = [path for path in paths if is_media_file(path)]
    return media_files or [path for path in paths if is_clip(path)]


def slashed(folder: Path, name: str) -> str:
    """A path that a table beside `folder` names, with the separators of this machine whatever the table has."""
    return name if "\\" not in name or os.path.exists(os.path.join(folder, name)) else name.replace("\\", "/")


def on_disk(path: str) -> str:
    """A path as its file is called: letters with marks are one sign in some programs and two on some disks."""
    if not path.isascii() and not os.path.exists(path):
        for form in ("NFC", "NFD"):
            if os.path.exists(other := unicodedata.normalize(form, path)):
                return other
    return path

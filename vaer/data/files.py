"""Which files of a folder are recordings, by their names."""

import os
from pathlib import Path

VIDEO_ENDINGS = (".mp4", ".mkv", ".avi", ".mov", ".m4v", ".flv", ".mpg", ".mpeg", ".webm", ".wmv", ".ts", ".3gp")
SOUND_ENDINGS = (".wav", ".flac", ".opus", ".ogg", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma")
MEDIA_ENDINGS = VIDEO_ENDINGS + SOUND_ENDINGS


def files_under(root: Path) -> list[str]:
    """The path of every file under `root`, at any depth, through links; folders and names in their order."""
    found = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders.sort()
        found += [os.path.join(folder, name) for name in sorted(names)]
    return found


def is_recording(path: str) -> bool:
    """Whether a file's ending is one of a recording."""
    return path.lower().endswith(MEDIA_ENDINGS)


def slashed(folder: Path, name: str) -> str:
    """A path that a table beside `folder` names, with the separators of this machine whatever the table has."""
    return name if "\\" not in name or os.path.exists(os.path.join(folder, name)) else name.replace("\\", "/")

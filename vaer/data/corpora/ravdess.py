"""RAVDESS (Livingstone & Russo 2018, PLoS ONE 13(5): e0196391): acted emotions of 24 speakers, by file name."""

import logging
import os
import re
from collections import defaultdict
from pathlib import Path

from vaer.config import DataConfig
from vaer.errors import UserError
from vaer.records import Item

EMOTIONS = {"01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful",
            "07": "disgust", "08": "surprised"}
AUDIO_VIDEO, VIDEO_ONLY, AUDIO_ONLY = "01", "02", "03"
SPEECH = "01"
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
MEDIA_ENDINGS = (".mp4", ".mkv", ".avi", ".mov", ".wav", ".flac", ".opus", ".ogg", ".mp3", ".m4a")
# modality, channel, emotion, intensity, statement, repetition, actor
NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")

log = logging.getLogger(__name__)


def labels(root: Path, config: DataConfig) -> tuple[str, ...]:
    """The eight emotions in the order of their codes."""
    return tuple(EMOTIONS.values())


def scan(root: Path, config: DataConfig) -> list[Item]:
    """The speech takes under `root`, at any depth, one clip a take, sorted by take.

    A take is read from its audio-video file (01-) where that is there; else from its pictures (02-, whose own sound
    track is silent by design) with the sound of its 03- sibling; else from whichever of the two there is.
    Raises UserError where the folder is missing or holds no take.
    """
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; set --data.root to the unpacked RAVDESS (Actor_01, ...).")
    takes: dict[str, dict[str, str]] = defaultdict(dict)
    strangers = []
    for path in _media_files(root):
        stem = Path(path).stem
        if NAME.fullmatch(stem) is None:
            strangers.append(path)
        elif stem[3:5] == SPEECH:
            takes[stem[3:]].setdefault(stem[:2], path)  # a copy of the corpus inside itself adds nothing
    if strangers:
        log.warning("%d media files under %s do not carry a RAVDESS name and are left out: %s", len(strangers), root,
                    ", ".join(strangers[:5]) + (", ..." if len(strangers) > 5 else ""))
    if not takes:
        raise UserError(f"{root}: no file carries a RAVDESS speech name such as 03-01-05-01-02-01-12.wav; "
                        f"set --data.root to the unpacked corpus.")
    return [_item(take, files) for take, files in sorted(takes.items())]


def _media_files(root: Path) -> list[str]:
    found = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders.sort()
        found += [os.path.join(folder, name) for name in sorted(names) if name.lower().endswith(MEDIA_ENDINGS)]
    return found


def _item(take: str, files: dict[str, str]) -> Item:
    """`take` is the name without its modality, `files` the paths of the modalities that are there."""
    channel, emotion, intensity, statement, repetition, actor = take.split("-")
    modality = next(code for code in (AUDIO_VIDEO, VIDEO_ONLY, AUDIO_ONLY) if code in files)
    sound = files[AUDIO_VIDEO] if modality == AUDIO_VIDEO else files.get(AUDIO_ONLY)
    return Item(
        id=f"{modality}-{take}", path=files[modality], sound=sound, label=EMOTIONS[emotion], speaker=str(int(actor)),
        take=take,
        attributes={"channel": channel, "intensity": INTENSITIES[intensity], "statement": STATEMENTS[statement],
                    "repetition": str(int(repetition)), "sex": "male" if int(actor) % 2 else "female"})

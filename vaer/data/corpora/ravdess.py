"""RAVDESS (Livingstone & Russo 2018, PLoS ONE 13(5): e0196391): acted emotions of 24 speakers, by file name."""

import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from vaer.data.corpora.kind import OwnSettings
from vaer.data.files import files_under, is_media_file
from vaer.errors import UserError, warn_once
from vaer.records import Item

EMOTIONS = {"01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful",
            "07": "disgust", "08": "surprised"}
LABEL_SETS = {"emotions8": {}, "drop_neutral": {"neutral": None}, "calm_as_neutral": {"calm": "neutral"},
              "drop_calm": {"calm": None}}
"""What becomes of some emotions: another label, or None where their takes are left out."""
AUDIO_VIDEO, VIDEO_ONLY, AUDIO_ONLY = "01", "02", "03"
SPEECH, SONG = "01", "02"
CHANNELS = {"speech": (SPEECH,), "song": (SONG,), "both": (SPEECH, SONG)}
SUNG = ("01", "02", "03", "04", "05", "06")  # nobody sings disgust or surprise
NO_SONG = 18  # this actor recorded speech alone
ACTORS = range(1, 25)
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
# modality, channel, emotion, intensity, statement, repetition, actor
NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")
NAMED = 20  # strangers that the message about them names


@dataclass(frozen=True)
class Settings(OwnSettings):
    """What RAVDESS is asked."""

    channel: Literal["speech", "song", "both"] = "speech"
    """ravdess only: takes that are spoken, sung, or both."""
    labels: Literal["emotions8", "drop_neutral", "calm_as_neutral", "drop_calm"] = "emotions8"
    """ravdess only: all eight emotions, seven without neutral, seven with calm counted as neutral, or seven without
    calm."""


def labels(root: Path, config: Settings) -> tuple[str, ...]:
    """The emotions of the label set in the order of their codes."""
    changed = LABEL_SETS[config.labels]
    return tuple(emotion for code, emotion in EMOTIONS.items()
                 if emotion not in changed and (config.channel != "song" or code in SUNG))


def scan(root: Path, config: Settings) -> list[Item]:
    """The takes under `root` of the channel and label set of `config`, at any depth, one clip a take, sorted by take.

    A take is read from its audio-video file (01-) where that is there; else from its frames (02-, whose own audio
    track is silent by design) with the audio of its 03- sibling; else from whichever of the two there is.
    Raises UserError where the folder is missing or holds no such take.
    """
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; set --data.root to the unpacked RAVDESS (Actor_01, ...).")
    takes: dict[str, dict[str, str]] = defaultdict(dict)
    strangers = []
    for path in filter(is_media_file, files_under(root)):
        stem = os.path.basename(path).rpartition(".")[0]
        if NAME.fullmatch(stem) is None:
            strangers.append(path)
        else:
            takes[stem[3:]].setdefault(stem[:2], path)  # a copy of the corpus inside itself adds nothing
    if strangers:
        warn_once(f"{len(strangers)} media files under {root} do not carry a RAVDESS name and are left out: "
                  f"{_listed(strangers, NAMED)}")
    items = [_item(take, files, config) for take, files in sorted(takes.items()) if _wanted(take, config)]
    if not items:
        raise UserError(f"{root}: no file carries the RAVDESS name of a take of --data.channel {config.channel} (such "
                        f"as 03-01-05-01-02-01-12.wav for speech); set --data.root to the unpacked corpus.")
    return items


def lacking(items: list[Item], config: Settings, speakers: set[str] | None) -> str:
    """What the published corpus has of `speakers` (None: of everybody) and `items` lack; empty where they are whole."""
    there = {item.take for item in items}
    missing = [take for take in published_takes() if _wanted(take, config) and take not in there
               and (speakers is None or str(int(take[-2:])) in speakers)]
    of_actor = Counter(take[-2:] for take in missing)
    whole = {actor: sum(take.endswith(actor) and _wanted(take, config) for take in published_takes())
             for actor in of_actor}
    absent = [str(int(actor)) for actor in of_actor if of_actor[actor] == whole[actor]]
    single = [take for take in missing if of_actor[take[-2:]] < whole[take[-2:]]]
    missing = [f"actors {', '.join(absent)}"] if absent else []
    if single:
        missing.append(f"takes {_listed(single, 5)}")
    return " and ".join(missing)


def take_of(name: str) -> str | None:
    """The take of which a name speaks: all of it but the modality."""
    return name.partition("-")[2] if NAME.fullmatch(name) else None


def published_takes() -> list[str]:
    """The 2,452 takes of the published corpus (1,440 spoken, 1,012 sung): names without their modality."""
    return [take for parts in product((SPEECH, SONG), EMOTIONS, INTENSITIES, STATEMENTS, ("01", "02"), ACTORS)
            for take in ["-".join(parts[:-1]) + f"-{parts[-1]:02d}"]
            if not (parts[1] == "01" and parts[2] == "02")  # neutral has one intensity
            and (parts[0] == SPEECH or (parts[1] in SUNG and parts[-1] != NO_SONG))]


def _wanted(take: str, config: Settings) -> bool:
    channel, emotion = take[:2], EMOTIONS[take[3:5]]
    return channel in CHANNELS[config.channel] and LABEL_SETS[config.labels].get(emotion, emotion) is not None


def _listed(names: list[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _item(take: str, files: dict[str, str], config: Settings) -> Item:
    """`take` is the name without its modality, `files` the paths of the modalities that are there."""
    channel, emotion, intensity, statement, repetition, actor = take.split("-")
    modality = next(code for code in (AUDIO_VIDEO, VIDEO_ONLY, AUDIO_ONLY) if code in files)
    audio_path = files[AUDIO_VIDEO] if modality == AUDIO_VIDEO else files.get(AUDIO_ONLY)
    label = LABEL_SETS[config.labels].get(EMOTIONS[emotion], EMOTIONS[emotion])
    return Item(
        id=f"{modality}-{take}", path=files[modality], audio_path=audio_path, label=label, speaker=str(int(actor)),
                take=take,
        attributes={"channel": channel, "intensity": INTENSITIES[intensity], "statement": STATEMENTS[statement],
                    "repetition": str(int(repetition)), "sex": "male" if int(actor) % 2 else "female"})

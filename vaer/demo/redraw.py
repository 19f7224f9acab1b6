"""RAVDESS takes drawn again: the recorded audio, and a drawn face that moves as that take's face was measured to move.

Nothing but a take's action units and its audio tells its label: motion and blinks are drawn from actor, statement,
intensity and repetition, the look from the actor.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from vaer.config import require_range
from vaer.data.corpora import REDRAWN
from vaer.data.corpora.ravdess import NAME
from vaer.data.files import files_under, is_media_file
from vaer.data.rows import read_rows
from vaer.demo.face import UNITS, draw, make_identity
from vaer.demo.motion import FPS, ease, lids, sway
from vaer.demo.render import each
from vaer.errors import MediaError, UserError
from vaer.media.encode import encode_frames, encode_waveform, join
from vaer.media.media import SAMPLE_RATE, read_waveform
from vaer.media.probe import probe
from vaer.output_folder import Content, open_output_folder
from vaer.words import counted

REMARK = "redrawn faces, recorded voices"
CONTENT = Content("redrawn takes", "redrawn takes", "draw them anew")
VERSION = 2  # of what is drawn: raise it with every change that anyone could see
PRESENCE = 2.0  # what a unit present all the time adds to its intensity: AU05, 0.04 on average, is not seen without
GAIN = {"AU01": 2.2, "AU02": 2.9, "AU05": 1.2, "AU09": 4.0, "AU15": 3.8, "AU17": 2.4, "AU20": 4.0, "AU23": 2.0}
"""What OpenFace measures small is drawn larger, so that each unit spreads by about a point over RAVDESS: as
measured, AU20 (0.23 on average) hardly moves the lips. Units that are not named spread by as much or more already."""
GAINS = np.array([GAIN.get(unit, 1.0) for unit in UNITS])
QUIET_DB = 35.0  # the mouth is shut at this much under the loudest moment
SPOKEN = ("AU25", "AU26")  # parted lips and dropped jaw follow the audio
COLUMNS = (*(f"{unit}_r" for unit in UNITS), *(f"{unit}_c" for unit in UNITS))


class Take(NamedTuple):
    """One take to draw: where its audio is, where its mp4 goes, and what its face did."""

    audio_path: str
    target: str
    intensities: np.ndarray
    """(units,) means over the take, 0 to 5."""
    presences: np.ndarray
    """(units,) shares of the take in which a unit is there, 0 to 1."""
    size: int
    seed: int


def redraw(root: Path, *, sound: Path, action_units: Path, size: int = 96, seed: int = 1,
           processes: int | None = None) -> int:
    """Draw what is missing of the takes that have both audio and units into `root`; returns how many were drawn.

    `sound` is a RAVDESS folder, `action_units` a CSV of the columns file (01-... or another modality of the take),
    AUxx_r and AUxx_c, means over the take as OpenFace gives them. `size` is the width and height of the frames,
    even; `seed` decides on looks and motion; `processes`: none means all cores. What only one of the two sides has is
    named on the screen and in `redrawn.json`. Raises UserError and MediaError.
    """
    if not (32 <= size <= 512 and size % 2 == 0):
        raise UserError(f"--size is {size}; it must be even and between 32 and 512.")
    require_range("seed", seed, 0)
    require_range("processes", processes, 1)
    units, audio_files = read_units(action_units), _audio_files(sound)
    names = sorted(set(units) & set(audio_files))
    if not names:
        raise UserError(f"{sound}: holds the audio of none of the {counted(len(units), 'take')} of {action_units}; "
                        f"--sound wants "
                        f"the folder of the same corpus.")
    odd = {"without_sound": sorted(set(units) - set(audio_files)),
           "without_units": sorted(set(audio_files) - set(units))}
    settings = {"remark": REMARK, "size": size, "seed": seed, "renderer": VERSION, "files": len(names)} | odd
    open_output_folder(root / REDRAWN, settings, CONTENT)
    console = Console(stderr=True)
    for side, lacking in odd.items():
        if lacking:
            what = side.replace("_", " ").replace("sound", "audio")  # the file keeps its keys
            console.print(f"{counted(len(lacking), 'take')} {what} left out: {', '.join(lacking[:5])}"
                          + ", ..." * (len(lacking) > 5))
    takes = [Take(audio_files[name], str(root / f"Actor_{name[-2:]}" / f"01-{name}.mp4"), *units[name], size, seed)
             for name in names]
    missing = [take for take in takes if not os.path.exists(take.target)]
    for folder in {Path(take.target).parent for take in missing}:
        folder.mkdir(exist_ok=True)
    for _ in track(each(draw_take, missing, processes), f"drawing {root}", len(missing), console=console):
        pass
    return len(missing)


def draw_take(take: Take) -> None:
    """Draw one take; it stands under its name once it is whole."""
    facts = probe(take.audio_path)
    if not facts.has_audio:
        raise MediaError(take.audio_path,
                         "has no audio, which redrawing keeps; name a folder of takes with their audio")
    waveform = read_waveform(take.audio_path, 0.0, facts.duration_s)
    target = Path(take.target)
    part = target.with_suffix(".part")
    join(part, encode_frames(draw_frames(take, waveform), fps=FPS), encode_waveform(waveform, "flac"))
    part.replace(target)


def draw_frames(take: Take, waveform: np.ndarray) -> np.ndarray:
    """The frames of a take, (frames, size, size, 3) uint8, 25 a second, over its audio (samples,) at 16 kHz."""
    *_, intensity, statement, repetition, actor = map(int, Path(take.target).stem.split("-"))
    rng = np.random.default_rng((take.seed, actor, statement, intensity, repetition))
    units = unfold(take.intensities, take.presences, loudness(waveform), rng)
    who = make_identity(actor, take.seed)
    poses = sway(rng, np.arange(len(units)) / FPS)
    return np.stack([draw(who, row, pose, take.size) for row, pose in zip(units, poses, strict=True)])


def unfold(intensities: np.ndarray, presences: np.ndarray, level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The units (frames, units) of a take, 0 to 5, from their means over it and its `level` of sound (frames,).

    What is drawn of a unit is `GAIN` times its intensity and `PRESENCE` times its presence, which rises to an apex and
    falls again around that mean. Lips and jaw follow the audio, and blinks the seed, around the means of their
    intensities.
    """
    share = (np.arange(len(level)) + 0.5) / len(level)
    apex = rng.uniform(0.4, 0.6)
    rise = 0.3 + 0.7 * ease(share / (0.7 * apex)) * ease((1 - share) / (0.7 * (1 - apex)))
    units = np.outer(_mean_of_one(rise), GAINS * (intensities + PRESENCE * presences))
    times_s = np.arange(len(level)) / FPS
    blinks_s = rng.uniform(0.2, 1.0) + np.cumsum(rng.uniform(1.1, 1.8, size=1 + int(times_s[-1])))
    for names, course in ((SPOKEN, level), (("AU45",), lids(times_s, blinks_s))):
        for unit in map(UNITS.index, names):
            units[:, unit] = intensities[unit] * _mean_of_one(course)
    return units.clip(0, 5)


def _mean_of_one(course: np.ndarray) -> np.ndarray:
    return course / max(course.mean(), 1e-6)


def loudness(waveform: np.ndarray) -> np.ndarray:
    """(frames,) how loud each frame's share of the audio is, from 0 (`QUIET_DB` under the loudest) to 1."""
    length = SAMPLE_RATE // FPS
    frames = np.pad(waveform, (0, -len(waveform) % length)).reshape(-1, length).astype(np.float64)
    power = np.convolve((frames ** 2).mean(axis=1), (0.25, 0.5, 0.25), mode="same")
    decibels = 10 * np.log10(power.clip(min=1e-12) / max(power.max(), 1e-12))
    return (1 + decibels / QUIET_DB).clip(0, 1)


def read_units(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Intensities and presences (units,) by the name of the take without its modality; raises UserError."""
    found = {}
    rows = read_rows(path, ("file", *COLUMNS), f"--action_units wants a line a take, with the columns file, AUxx_r and "
                                               f"AUxx_c of {len(UNITS)} units, as OpenFace names them",
                     is_row=lambda row: NAME.fullmatch(Path(row.get("file", "")).stem) is not None)
    for line, row in rows.items():
        name = Path(row["file"]).stem
        values = np.array([_number(row[column]) for column in COLUMNS])
        if NAME.fullmatch(name) is None or name[3:] in found or not np.isfinite(values).all():
            raise UserError(f"{path}: line {line} ({row['file']!r}) is not one RAVDESS take with a number in every "
                            f"column, named once; correct it.")
        found[name[3:]] = np.split(values, 2)
    return found


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _audio_files(root: Path) -> dict[str, str]:
    """The file whose audio is that of a take, by the take's name without its modality: 03- before 01-, never 02-."""
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; --sound wants the unpacked RAVDESS.")
    found: dict[str, str] = {}
    for path in filter(is_media_file, files_under(root)):
        match = re.match(NAME, os.path.basename(path))
        if match is not None and match[1] != "02":
            name = match[0][3:]
            if name not in found or match[1] == "03":
                found[name] = path
    return found

"""Clips of a voice and a face of different people: every take of a voice corpus gets a still face of its emotion.

It teaches fusion where no corpus shows the people whom it lets be heard. The still sways as a filmed head does.
"""

import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from rich.console import Console
from rich.progress import track

from vaer.atomic_files import write_text
from vaer.checks import require, require_range
from vaer.config import DataConfig
from vaer.data.corpora import COMPOSED
from vaer.data.protocols import read_split
from vaer.demo.motion import CLOSE_UP, FPS, sway
from vaer.demo.render import each
from vaer.errors import MediaError, UserError
from vaer.media.encode import encode_frames, encode_waveform, join
from vaer.media.media import read_waveform
from vaer.media.probe import probe
from vaer.media.stills import is_still, read_square
from vaer.output_folder import Content, open_output_folder
from vaer.records import UNKNOWN_SPEAKER, Item

CONTENT = Content("composed clips", "composed clips", "compose them anew")
NOTE = "voice and face of different people"
VERSION = 1  # of what is seen and heard: raise it with every change that anyone could see or hear
SIDES = ("train", "validation", "test")


class Pair(NamedTuple):
    """A take of a voice and the face that it gets, on one side of both protocols."""

    voice: Item
    face: Item
    side: str
    number: int
    """Which clip of the take, from 0."""

    @property
    def id(self) -> str:
        """The name of the clip below the folder, without ending."""
        return f"clips/{self.voice.id}_{self.number}"


class Job(NamedTuple):
    """A clip that is to be written."""

    pair: Pair
    target: str
    size: int
    seed: tuple[int, int]
    """Of the corpus, and the clip's place in it."""


def compose(root: Path, voices: DataConfig, faces: DataConfig, *, size: int = 96, copies: int = 1, seed: int = 0,
            processes: int | None = None) -> int:
    """Write what is missing of a composed corpus into `root`: clips, table.csv and sides.csv; returns how many clips.

    `voices` and `faces` say which corpora, and who of them trains, selects and is tested. A take gets faces of its
    label and side, `copies` clips of it. No two speakers get the same face, so that a speaker is a person of a voice
    and several faces. `size` is the width and height of the frames, even. Raises UserError and MediaError.
    """
    for name, value, low, high in (("size", size, 32, 512), ("copies", copies, 1, 100), ("seed", seed, 0, 2**31),
                                   ("processes", processes, 1, float("inf"))):
        require_range(name, value, low, high)
    require(size % 2 == 0, f"--size is {size}; H.264 wants an even number, try {size + 1}.")
    pairs = pairs_of(_sides(voices, "voices"), _sides(faces, "faces"), copies, seed)
    settings = {"remark": NOTE, "voices": voices.root, "faces": faces.root, "size": size, "copies": copies,
                "seed": seed, "composer": VERSION, "files": len(pairs)}
    open_output_folder(root / COMPOSED, settings, CONTENT)
    jobs = [Job(pair, str(root / f"{pair.id}.mp4"), size, (seed, place)) for place, pair in enumerate(pairs)]
    jobs = [job for job in jobs if not os.path.exists(job.target)]
    for folder in {Path(job.target).parent for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    for _ in track(each(write_clip, jobs, processes), f"composing {root}", len(jobs), console=Console(stderr=True)):
        pass
    _write_tables(root, pairs)
    return len(jobs)


def pairs_of(voices: dict[str, list[Item]], faces: dict[str, list[Item]], copies: int, seed: int) -> list[Pair]:
    """Every take of every side with its faces, which are shared out among the side's speakers and drawn by `seed`.

    A speaker with more takes than faces begins with the first one again. Raises UserError where a label has fewer
    faces than speakers.
    """
    pairs = []
    for side in SIDES:
        takes = sorted(voices[side], key=lambda item: item.id)
        speakers = sorted({item.speaker for item in takes})
        for label in sorted({item.label for item in takes}):
            pool = sorted((item for item in faces[side] if item.label == label), key=lambda item: item.id)
            if len(pool) < len(speakers):
                raise UserError(f"{label}: has {len(pool)} faces for the {len(speakers)} speakers of side {side}, and "
                                f"each wants one of its own; rename labels by data.label_map, or leave this one out.")
            order = np.random.default_rng((seed, SIDES.index(side), len(pool))).permutation(len(pool))
            used: dict[str, int] = defaultdict(int)
            for voice in (item for item in takes if item.label == label):
                own = order[speakers.index(voice.speaker)::len(speakers)]
                for number in range(copies):
                    face = pool[own[used[voice.speaker] % len(own)]]
                    used[voice.speaker] += 1
                    pairs.append(Pair(voice, face, side, number))
    return pairs


def write_clip(job: Job) -> None:
    """Write one clip; it stands under its name once it is whole."""
    voice, face = job.pair.voice, job.pair.face
    if voice.audio_path is None or not (facts := probe(voice.audio_path)).has_audio:
        raise MediaError(voice.path, "has no audio; leave it out of the corpus of voices")
    if not is_still(face.path):
        raise MediaError(face.path, "is no still image; name a corpus of stills as faces")
    waveform = read_waveform(voice.audio_path, 0.0, facts.duration_s)
    frames = moving(read_square(face.path, job.size), facts.duration_s, np.random.default_rng(job.seed))
    target = Path(job.target)
    part = target.with_suffix(".part")
    join(part, encode_frames(frames, fps=FPS), encode_waveform(waveform, "flac"))
    part.replace(target)


def moving(face: np.ndarray, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """(frames, size, size, 3) uint8, 25 a second: a still (size, size, 3) that shifts, turns and scales smoothly.

    Beyond its edge it is mirrored.
    """
    size = len(face)
    margin = size // 2
    wide = Image.fromarray(np.pad(face, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric"))
    middle = margin + size / 2
    frames = []
    for pose in sway(rng, np.arange(max(1, round(duration_s * FPS))) / FPS):
        scale = CLOSE_UP / pose.scale  # pixels of the still for one of the frame
        turn, tilt = np.cos(pose.roll) * scale, np.sin(pose.roll) * scale
        shift = np.array([pose.x, pose.y]) * size / 2
        left, top = middle - shift - np.array([turn + tilt, turn - tilt]) * size / 2
        frames.append(np.asarray(wide.transform((size, size), Image.Transform.AFFINE,
                                                (turn, tilt, left, -tilt, turn, top), Image.Resampling.BICUBIC)))
    return np.stack(frames)


def _sides(config: DataConfig, name: str) -> dict[str, list[Item]]:
    require(config.fold != "all", f"--{name} names all folds; give the number of one by data.fold.")
    _, split = read_split(config)
    return {side: getattr(split, side) for side in SIDES}


def _write_tables(root: Path, pairs: list[Pair]) -> None:
    """table.csv, in which files have names of their own, and sides.csv, a protocol."""
    known = all(pair.voice.speaker != UNKNOWN_SPEAKER for pair in pairs)
    rows = [{"path": f"{pair.id}.mp4", "label": pair.voice.label, "speaker": pair.voice.speaker, "voice": pair.voice.id,
             "face": pair.face.id} for pair in pairs]
    table = pd.DataFrame(rows) if known else pd.DataFrame(rows).drop(columns="speaker")
    write_text(root / "table.csv", table.to_csv(index=False))
    sides = pd.DataFrame({"id": [pair.id for pair in pairs], "side": [pair.side for pair in pairs]})
    write_text(root / "sides.csv", sides.to_csv(index=False))

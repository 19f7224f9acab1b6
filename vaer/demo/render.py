"""The demo corpus: mp4 files of drawn faces that talk, made so that neither frames nor audio alone tell the label.

A group is what one speaker does in one take: four video streams and four audio streams, each encoded once and copied
into the files that show or play it. `emotion` pairs them into eight files, of which two share each video stream and
two others share each audio stream; `moment` pairs every video stream with every audio stream. `units` is for learning
to read faces: fourteen video streams, each with another action unit raised above the rest, and silence.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from vaer.config import require_range
from vaer.cores import usable_cores
from vaer.demo.face import UNITS, Identity, draw, make_identity
from vaer.demo.motion import FPS, Motion, ease
from vaer.demo.voice import MANNERS, SAMPLE_RATE, loudness, make_speech, make_throat, speak
from vaer.errors import UserError
from vaer.media.encode import encode_frames, encode_waveform, join
from vaer.output_folder import Content, open_output_folder, write_facts

Job, Done = TypeVar("Job"), TypeVar("Done")
Task = Literal["emotion", "moment", "units"]
CORPUS = Content("a demo corpus", "demo corpus", "render it anew")
VERSION = 1  # of what is drawn and heard: raise it with every change that anyone could see or hear
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {"AU14": 1.5, "AU45": 2.2},
    "smile": {"AU06": 4.0, "AU12": 4.8},
    "scowl": {"AU04": 4.8, "AU07": 2.5, "AU09": 3.5, "AU15": 4.0, "AU17": 2.5},
    "startle": {"AU01": 4.8, "AU02": 4.8, "AU05": 4.8},
}
"""What the four faces do, in units from 0 to 5; none of them opens the jaw or parts the lips."""
RAISED = tuple(unit for unit in UNITS if unit not in ("AU25", "AU26", "AU45"))  # not those that speak and blink
# With 24 speakers the expressions of an unseen one were read less well in the second task: UAR 0.93.
SPEAKERS = {"emotion": 24, "moment": 56, "units": 96}
CLASSES = {"emotion": EMOTIONS, "moment": tuple(EXPRESSIONS), "units": RAISED}


class Group(NamedTuple):
    """What one speaker does in one take (from 0), and where its files go."""

    root: str
    task: Task
    seed: int
    size: int
    speaker: int
    take: int

    def files(self) -> dict[Path, tuple[int, int]]:
        """Every file of the group with the video stream and the audio stream in it, both from 0.

        `emotion`: 01-01-EMOTION-01-STATEMENT-REPETITION-SPEAKER, of emotion e the frames e // 2 and the audio e % 4.
        `moment`: 01-01-EXPRESSION-01-SLOT-TAKE-SPEAKER; SLOT is where the voice is raised, EXPRESSION the label.
        `units`: 01-01-UNIT-01-01-TAKE-SPEAKER, UNIT a place in `RAISED`.
        """
        folder, rng = Path(self.root) / f"Actor_{self.speaker:02d}", self.rng()
        if self.task == "emotion":
            codes = {(e + 1, self.take // 2 + 1, self.take % 2 + 1): (e // 2, e % 4) for e in range(8)}
        elif self.task == "units":
            codes = {(unit + 1, 1, self.take + 1): (unit, 0) for unit in range(len(RAISED))}
        else:
            orders = _orders(rng)
            codes = {(orders[video, slot] + 1, slot + 1, self.take + 1): (video, slot)
                     for video in range(4) for slot in range(4)}
        return {folder / f"01-01-{label:02d}-01-{second:02d}-{third:02d}-{self.speaker:02d}.mp4": streams
                for (label, second, third), streams in codes.items()}

    def rng(self) -> np.random.Generator:
        """A fresh generator of the take; every call begins with the same numbers."""
        return np.random.default_rng((self.seed, self.speaker, self.take + 1))


def render_corpus(root: Path, *, task: Task = "emotion", speakers: int | None = None, takes: int = 4, size: int = 96,
                  seed: int = 0, processes: int | None = None) -> int:
    """Render what is missing of a corpus into `root` and return how many files were written.

    `speakers`: none means those of the task's protocol. `takes` counts a speaker's groups; `moment` has two and a half
    times as many of speakers 1 to 4, who are tested. `size` is the width and height of the frames, even.
    `processes`: none means all cores, 1 starts none.
    """
    speakers = SPEAKERS[task] if speakers is None else speakers
    require_range("processes", processes, 1)
    _check(speakers, takes, size, seed)
    groups = [Group(str(root), task, seed, size, speaker, take) for speaker in range(1, speakers + 1)
              for take in range(takes * 5 // 2 if task == "moment" and speaker <= 4 else takes)]
    settings = {"task": task, "classes": list(CLASSES[task]), "seed": seed, "size": size, "speakers": speakers,
                "takes": takes, "renderer": VERSION, "files": sum(len(group.files()) for group in groups)}
    open_output_folder(root / "demo.json", settings, CORPUS, {"finished": False})
    missing = [group for group in groups if not all(path.exists() for path in group.files())]
    for folder in {path.parent for group in missing for path in group.files()}:
        folder.mkdir(exist_ok=True)
    written = sum(track(each(render_group, missing, processes), f"rendering {root}", len(missing),
                        console=Console(stderr=True)))
    write_facts(root / "demo.json", settings | {"finished": True})
    return written


def _check(speakers: int, takes: int, size: int, seed: int) -> None:
    for name, value, low, high in (("speakers", speakers, 1, 99), ("takes", takes, 1, 39), ("seed", seed, 0, 2**31),
                                   ("size", size, 32, 512)):
        require_range(name, value, low, high)
    if size % 2:
        raise UserError(f"--size is {size}; H.264 wants an even number, try {size + 1}.")


def each(work: Callable[[Job], Done], jobs: list[Job], processes: int | None) -> Iterator[Done]:
    """What `work` makes of each job, in their order; `processes`: none means all cores, 1 starts none."""
    processes = min(processes or usable_cores(), len(jobs))
    if processes <= 1:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, jobs)


def render_group(group: Group) -> int:
    """Render all files of a group, and return how many; a file stands under its name once it is whole."""
    drawn, voices = {"emotion": _emotion, "moment": _moment, "units": _units}[group.task](group, group.rng())
    videos, audios = [encode_frames(frames, fps=FPS) for frames in drawn], [encode_waveform(voice) for voice in voices]
    for path, (video, audio) in group.files().items():
        part = path.with_suffix(".part")
        join(part, videos[video], audios[audio])
        part.replace(path)
    return len(group.files())


Streams = tuple[Iterator[np.ndarray], Iterator[np.ndarray]]


def _emotion(group: Group, rng: np.random.Generator) -> Streams:
    """Four expressions held for the whole clip, and four manners of voice, over one and the same speech and motion."""
    frames = int(rng.integers(40, 61))  # 1.6 to 2.4 s
    speech = make_speech(frames / FPS, rng)
    times = np.arange(frames) / FPS
    onset = 0.1 + 0.9 * ease(times / 0.45)
    faces = patterns(rng)[:, None] * onset[:, None]  # (expressions, frames, units)
    motion = Motion.make(rng, times, 5 * loudness(speech, times))
    throat = make_throat(group.speaker, group.seed)
    voices = (speak(speech, throat, manner, seed=group.seed) for manner in MANNERS.values())
    return _draw_video(group, faces, motion), voices


def _moment(group: Group, rng: np.random.Generator) -> Streams:
    """Four rotations of an order of the expressions, and a voice that is raised in each of the four slots."""
    orders = _orders(rng)  # drawn first, as for the names of the files
    slot_frames = int(rng.integers(14, 17))  # 0.56 to 0.64 s
    times, slot_s = np.arange(4 * slot_frames) / FPS, slot_frames / FPS
    speech = make_speech(4 * slot_s, rng, even=True)  # so that the mouth tells nothing of the raised slot
    weights = np.stack([ease((times - slot * slot_s) / 0.16 + 0.5) for slot in range(5)])  # later ones cover earlier
    weights[0] = 1
    weights = weights[:4] * (1 - np.concatenate((weights[1:4], np.zeros_like(weights[:1]))))  # (slots, frames)
    faces = np.einsum("st,psu->ptu", weights, patterns(rng)[orders])
    motion = Motion.make(rng, times, 3.5 * loudness(speech, times))
    throat = make_throat(group.speaker, group.seed)
    voices = (speak(speech, throat, MANNERS["level"], seed=group.seed, raised_s=(slot * slot_s, (slot + 1) * slot_s))
              for slot in range(4))
    return _draw_video(group, faces, motion), voices


def _units(group: Group, rng: np.random.Generator) -> Streams:
    """Fourteen short films, in each of which one unit stands above the others, and silence."""
    times = np.arange(8) / FPS
    base = rng.exponential(0.6, (len(RAISED), len(UNITS))) * (rng.uniform(size=(len(RAISED), len(UNITS))) < 0.4)
    for video, unit in enumerate(map(UNITS.index, RAISED)):
        others = np.delete(base[video], unit).max()
        base[video, unit] = 0.8 * others + rng.uniform(1, 4)  # from hardly seen to plain: the plain ones start learning
    faces = base.clip(0, 5)[:, None] * rng.uniform(0.8, 1.2, (1, len(times), 1))
    motion = Motion.make(rng, times, rng.uniform(0, 3, len(times)))
    for name in ("AU25", "AU26", "AU45"):
        faces[..., UNITS.index(name)] = 0
    return _draw_video(group, faces, motion), iter([np.zeros(len(times) * SAMPLE_RATE // FPS, np.float32)])


def _orders(rng: np.random.Generator) -> np.ndarray:
    """Which expression each of four video streams shows in each of four slots: the rotations of a random order."""
    order = rng.permutation(4)
    return np.stack([np.roll(order, -turn) for turn in range(4)])  # (streams, slots)


def patterns(rng: np.random.Generator) -> np.ndarray:
    """The units of the four expressions at their height, (expressions, units), each a little off the usual."""
    jitter = rng.uniform(0.85, 1.15, (len(EXPRESSIONS), len(UNITS)))
    return np.array([[units.get(name, 0.0) for name in UNITS] for units in EXPRESSIONS.values()]) * jitter


def _draw_video(group: Group, faces: np.ndarray, motion: Motion) -> Iterator[np.ndarray]:
    """One video stream (frames, size, size, 3) a row of `faces` (streams, frames, units)."""
    who: Identity = make_identity(group.speaker, group.seed)
    for units in np.maximum(faces, motion.units):
        yield np.stack([draw(who, row, pose, group.size) for row, pose in zip(units, motion.poses, strict=True)])

"""The demo corpus: mp4 files of drawn faces that talk, made so that neither pictures nor sound alone tell the label.

A group is what one speaker does in one take: four picture streams and four sound streams, each encoded once and copied
into the files that show or sound it. `emotion` pairs them into eight files, of which two share each picture stream and
two others share each sound stream; `moment` pairs every picture stream with every sound stream.
"""

import io
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

import av
import numpy as np
from rich.console import Console
from rich.progress import track

from vaer.claim import Content, claim, write_settings
from vaer.demo.canvas import Pose
from vaer.demo.face import UNITS, Identity, draw, make_identity
from vaer.demo.voice import MANNERS, SAMPLE_RATE, loudness, make_speech, make_throat, speak
from vaer.errors import UserError

Task = Literal["emotion", "moment"]
CORPUS = Content("a demo corpus", "demo corpus", "render it anew")
VERSION = 1  # of what is drawn and heard: raise it with every change that anyone could see or hear
FPS = 25
CLOSE_UP = 1.3  # faces fill the picture, as they do after cropping
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {"AU14": 1.5, "AU45": 2.2},
    "smile": {"AU06": 4.0, "AU12": 4.8},
    "scowl": {"AU04": 4.8, "AU07": 2.5, "AU09": 3.5, "AU15": 4.0, "AU17": 2.5},
    "startle": {"AU01": 4.8, "AU02": 4.8, "AU05": 4.8},
}
"""What the four faces do, in units from 0 to 5; none of them opens the jaw or parts the lips."""
# With 24 speakers the expressions of an unseen one were read less well in the second task: UAR 0.93.
SPEAKERS = {"emotion": 24, "moment": 56}
CLASSES = {"emotion": EMOTIONS, "moment": tuple(EXPRESSIONS)}


class Group(NamedTuple):
    """What one speaker does in one take (from 0), and where its files go."""

    root: str
    task: Task
    seed: int
    size: int
    speaker: int
    take: int

    def files(self) -> dict[Path, tuple[int, int]]:
        """Every file of the group with the picture stream and the sound stream in it, both from 0 to 3.

        `emotion`: 01-01-EMOTION-01-STATEMENT-REPETITION-SPEAKER, of emotion e the pictures e // 2 and the sound e % 4.
        `moment`: 01-01-EXPRESSION-01-SLOT-TAKE-SPEAKER; SLOT is where the voice is raised, EXPRESSION the label.
        """
        folder, rng = Path(self.root) / f"Actor_{self.speaker:02d}", self.rng()
        if self.task == "emotion":
            codes = {(e + 1, self.take // 2 + 1, self.take % 2 + 1): (e // 2, e % 4) for e in range(8)}
        else:
            orders = _orders(rng)
            codes = {(orders[picture, slot] + 1, slot + 1, self.take + 1): (picture, slot)
                     for picture in range(4) for slot in range(4)}
        return {folder / f"01-01-{label:02d}-01-{second:02d}-{third:02d}-{self.speaker:02d}.mp4": streams
                for (label, second, third), streams in codes.items()}

    def rng(self) -> np.random.Generator:
        """A fresh generator of the take; every call begins with the same numbers."""
        return np.random.default_rng((self.seed, self.speaker, self.take + 1))


def render_corpus(root: Path, *, task: Task = "emotion", speakers: int | None = None, takes: int = 4, size: int = 96,
                  seed: int = 0, processes: int | None = None) -> int:
    """Render what is missing of a corpus into `root` and return how many files were written.

    `speakers`: none means those of the task's protocol. `takes` counts a speaker's groups; `moment` has two and a half
    times as many of speakers 1 to 4, who are tested. `size` is the width and height of the pictures, even.
    `processes`: none means all cores, 1 starts none.
    """
    speakers = SPEAKERS[task] if speakers is None else speakers
    _check(speakers, takes, size, seed)
    groups = [Group(str(root), task, seed, size, speaker, take) for speaker in range(1, speakers + 1)
              for take in range(takes * 5 // 2 if task == "moment" and speaker <= 4 else takes)]
    settings = {"task": task, "classes": list(CLASSES[task]), "seed": seed, "size": size, "speakers": speakers,
                "takes": takes, "renderer": VERSION, "files": sum(len(group.files()) for group in groups)}
    claim(root / "demo.json", settings, CORPUS, {"finished": False})
    missing = [group for group in groups if not all(path.exists() for path in group.files())]
    for folder in {path.parent for group in missing for path in group.files()}:
        folder.mkdir(exist_ok=True)
    written = sum(track(_each(missing, processes), f"rendering {root}", len(missing), console=Console(stderr=True)))
    write_settings(root / "demo.json", settings | {"finished": True})
    return written


def _check(speakers: int, takes: int, size: int, seed: int) -> None:
    for name, value, low, high in (("speakers", speakers, 1, 99), ("takes", takes, 1, 39), ("seed", seed, 0, 2**31),
                                   ("size", size, 32, 512)):
        if not low <= value <= high:
            raise UserError(f"--{name} is {value}; it must be between {low} and {high}.")
    if size % 2:
        raise UserError(f"--size is {size}; H.264 wants an even number, try {size + 1}.")


def _each(groups: list[Group], processes: int | None) -> Iterator[int]:
    processes = min(processes or os.cpu_count() or 1, len(groups))
    if processes <= 1:
        yield from map(render_group, groups)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(render_group, groups)


def render_group(group: Group) -> int:
    """Render all files of a group, and return how many; a file stands under its name once it is whole."""
    films, voices = {"emotion": _emotion, "moment": _moment}[group.task](group, group.rng())
    pictures, sounds = [encode_pictures(film) for film in films], [encode_sound(voice) for voice in voices]
    for path, (picture, sound) in group.files().items():
        part = path.with_suffix(".part")
        mux(part, pictures[picture], sounds[sound])
        part.replace(path)
    return len(group.files())


Streams = tuple[Iterator[np.ndarray], Iterator[np.ndarray]]


def _emotion(group: Group, rng: np.random.Generator) -> Streams:
    """Four expressions held for the whole clip, and four manners of voice, over one and the same speech and motion."""
    frames = int(rng.integers(40, 61))  # 1.6 to 2.4 s
    speech = make_speech(frames / FPS, rng)
    times = np.arange(frames) / FPS
    onset = 0.1 + 0.9 * _ease(times / 0.45)
    faces = patterns(rng)[:, None] * onset[:, None]  # (expressions, frames, units)
    motion = Motion.make(rng, times, 5 * loudness(speech, times))
    throat = make_throat(group.speaker, group.seed)
    voices = (speak(speech, throat, manner, seed=group.seed) for manner in MANNERS.values())
    return _film(group, faces, motion), voices


def _moment(group: Group, rng: np.random.Generator) -> Streams:
    """Four rotations of an order of the expressions, and a voice that is raised in each of the four slots."""
    orders = _orders(rng)  # drawn first, as for the names of the files
    slot_frames = int(rng.integers(14, 17))  # 0.56 to 0.64 s
    times, slot_s = np.arange(4 * slot_frames) / FPS, slot_frames / FPS
    speech = make_speech(4 * slot_s, rng, even=True)  # so that the mouth tells nothing of the raised slot
    weights = np.stack([_ease((times - slot * slot_s) / 0.16 + 0.5) for slot in range(5)])  # later ones cover earlier
    weights[0] = 1
    weights = weights[:4] * (1 - np.concatenate((weights[1:4], np.zeros_like(weights[:1]))))  # (slots, frames)
    faces = np.einsum("st,psu->ptu", weights, patterns(rng)[orders])
    motion = Motion.make(rng, times, 3.5 * loudness(speech, times))
    throat = make_throat(group.speaker, group.seed)
    voices = (speak(speech, throat, MANNERS["level"], seed=group.seed, raised_s=(slot * slot_s, (slot + 1) * slot_s))
              for slot in range(4))
    return _film(group, faces, motion), voices


def _orders(rng: np.random.Generator) -> np.ndarray:
    """Which expression each of four picture streams shows in each of four slots: the rotations of a random order."""
    order = rng.permutation(4)
    return np.stack([np.roll(order, -turn) for turn in range(4)])  # (streams, slots)


def patterns(rng: np.random.Generator) -> np.ndarray:
    """The units of the four expressions at their height, (expressions, units), each a little off the usual."""
    jitter = rng.uniform(0.85, 1.15, (len(EXPRESSIONS), len(UNITS)))
    return np.array([[units.get(name, 0.0) for name in UNITS] for units in EXPRESSIONS.values()]) * jitter


class Motion(NamedTuple):
    """What a face does whatever it expresses: units of mouth and lids (frames, units), and a pose a frame."""

    units: np.ndarray
    poses: list[Pose]

    @classmethod
    def make(cls, rng: np.random.Generator, times_s: np.ndarray, opening: np.ndarray) -> "Motion":
        """Sway and blinks of a take, and a mouth that opens by `opening` (frames,), 0 to 5."""
        units = np.zeros((len(times_s), len(UNITS)))
        units[:, UNITS.index("AU25")], units[:, UNITS.index("AU26")] = opening, 0.6 * opening
        for middle_s in rng.uniform(0.2, 1.0) + np.arange(2) * rng.uniform(1.1, 1.8):
            lid = 5 * np.maximum(1 - np.abs(times_s - middle_s) / 0.14, 0)
            units[:, UNITS.index("AU45")] = np.maximum(units[:, UNITS.index("AU45")], lid)
        sway = [sum(rng.uniform(-0.5, 0.5) * np.sin(2 * np.pi * (rng.uniform(0.15, 0.7) * times_s + rng.uniform()))
                    for _ in range(3)) + rng.uniform(-0.4, 0.4) for _ in range(4)]
        return cls(units, [Pose(0.05 * x, 0.04 * y, 0.08 * roll, CLOSE_UP + 0.04 * scale) for x, y, roll, scale
                           in zip(*(part.tolist() for part in sway), strict=True)])


def _film(group: Group, faces: np.ndarray, motion: Motion) -> Iterator[np.ndarray]:
    """One picture stream (frames, size, size, 3) a row of `faces` (streams, frames, units)."""
    who: Identity = make_identity(group.speaker, group.seed)
    for units in np.maximum(faces, motion.units):
        yield np.stack([draw(who, row, pose, group.size) for row, pose in zip(units, motion.poses, strict=True)])


def _ease(share: np.ndarray) -> np.ndarray:
    share = share.clip(0, 1)
    return share * share * (3 - 2 * share)


def encode_pictures(pictures: np.ndarray) -> bytes:
    """An mp4 of H.264 from (frames, height, width, 3) uint8; one thread and no dates, so the same bytes every time."""
    store = io.BytesIO()
    with av.open(store, "w", format="mp4", options={"fflags": "+bitexact"}) as output:
        # A constant quantizer: with crf x264's macroblock tree gave 3 of 16 films other bytes in six encodings.
        options = {"preset": "veryfast", "qp": "20", "bf": "0", "threads": "1", "flags": "+bitexact"}
        stream = output.add_stream("libx264", rate=FPS, options=options)
        stream.height, stream.width, stream.pix_fmt, stream.gop_size = *pictures.shape[1:3], "yuv420p", FPS
        stream.codec_context.thread_count = 1
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return store.getvalue()


def encode_sound(waveform: np.ndarray) -> bytes:
    """An mp4 of AAC from (samples,) float32 at `SAMPLE_RATE`; the same bytes every time."""
    store = io.BytesIO()
    with av.open(store, "w", format="mp4", options={"fflags": "+bitexact"}) as output:
        stream = output.add_stream("aac", rate=SAMPLE_RATE, layout="mono", options={"flags": "+bitexact"})
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return store.getvalue()


def mux(path: Path, pictures: bytes, sound: bytes) -> None:
    """An mp4 that holds copies of the packets of two others: pictures of the one, sound of the other."""
    with (av.open(io.BytesIO(pictures)) as seen, av.open(io.BytesIO(sound)) as heard,
          av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as output):
        pairs = [(source, output.add_stream_from_template(source.streams[0])) for source in (seen, heard)]
        packets = []
        for source, stream in pairs:
            for packet in source.demux():
                if packet.dts is not None:  # the last one of a file is empty
                    packets.append((float(packet.dts * packet.time_base), packet, stream))
        for _, packet, stream in sorted(packets, key=lambda entry: entry[0]):
            packet.stream = stream
            output.mux(packet)

"""One recording: decoded to its end, its face found and followed, and a compact clip of it written."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from vaer.errors import as_text
from vaer.media.encode import write_film, write_sound
from vaer.media.frames import frames_of, numbered
from vaer.media.media import LEVEL_FRAME, nearest
from vaer.media.probe import Probe, opened, probe, undecoded, version
from vaer.media.shapes import canvas_of, placed
from vaer.media.stills import is_still, read_still
from vaer.media.waveforms import Heard, hear
from vaer.prepare import limits
from vaer.prepare.faces import Face, detect
from vaer.prepare.manifest import OVERVIEWS, Facts
from vaer.prepare.settings import PrepareConfig
from vaer.prepare.track import Track, find_tracks

SCALING = Image.Resampling.BILINEAR  # of Pillow: over all pixels that a smaller one covers, so fine detail stays calm
DETECTING = 0.8  # of the time that a film takes
CLIPPED = 10 ** (0.5 / 20)  # half a dB over full scale: less is the ringing of resampling and of lossy codecs
OVERVIEW = 320  # pixels, the longer side of the picture in which the faces of a doubtful clip are framed


def prepare_one(source_root: str, source: str, target_root: str, target: str, settings: dict[str, Any]) -> list:
    """Write the clip `target` of the recording `source` and return its `Facts` as a list.

    A function of the recording and the settings alone: wherever and however often it runs, the same bytes come out.
    Raises MediaError, naming `source`, where the recording does not decode to its end.
    """
    config, path, goal = PrepareConfig(**settings), os.path.join(source_root, source), Path(target_root, target)
    num_bytes, modified_ns = version(path)
    recording = probe(path)
    limits.allow(recording.duration_s, len(recording.frame_times) * recording.width * recording.height)
    heard = hear(path, 0.0, recording.duration_s) if recording.has_sound else None
    sound = heard.waveform if heard is not None else None
    goal.parent.mkdir(parents=True, exist_ok=True)
    shown_s, tracks, notes, size = np.zeros(0), [], [], (0, 0)
    with _whole(goal) as part:
        if len(recording.frame_times):
            indices, shown_s = _pictures(recording, config.fps)
            detections = []
            for picture in _decoded(path, indices, recording):
                detections.append(detect(picture))
                limits.reached(len(detections) / len(indices) * DETECTING)
            tracks = find_tracks(detections, _rate(shown_s))
            notes += _notes_of_faces(len(tracks))
            size = _size(picture.shape[1], picture.shape[0], tracks, config)
            pictures = _decoded(path, indices, recording)
            if notes:
                pictures = _with_overview(pictures, detections, Path(target_root, OVERVIEWS, target + ".jpg"))
            cropped = _cropped(pictures, tracks, size, config.margin)
            if is_still(path):
                Image.fromarray(next(cropped)).save(part, "PNG")
            else:
                write_film(part, cropped, shown_s, sound, size, quality=config.quality, gop=config.gop)
        else:
            write_sound(part, sound, kind=goal.suffix[1:])
        content = part.read_bytes()
    loudness_db, loudest_db = _levels(sound)
    notes += [recording.choice] if recording.choice else []
    notes += ["the size of its frames changes"] if len(recording.shapes) > 1 else []
    notes += _notes_of_sound(heard, loudest_db, config)
    main = tracks[0] if tracks else None
    return list(Facts(
        path=target, source=as_text(source), notes="; ".join(notes), reason="",
        duration_s=round(recording.duration_s, 4), frames=len(shown_s), fps=round(_rate(shown_s), 3),
        width=size[0], height=size[1], faces=len(tracks),
        detected=round(float(main.detected.mean()), 4) if main else 0.0,
        confidence=round(main.confidence, 4) if main else 0.0, loudness_db=round(loudness_db, 2),
        bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
        source_bytes=num_bytes, source_modified_ns=modified_ns))


@contextmanager
def _whole(goal: Path) -> Iterator[Path]:
    """A file beside `goal` that takes its place once it is written, whoever else is at the same clip."""
    part = goal.with_name(f".{goal.name}.{socket.gethostname()}-{os.getpid()}.part")
    yield part
    part.replace(goal)


def _pictures(recording: Probe, fps: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures of a recording are kept, ascending, and when each is shown, seconds."""
    shown_s = recording.frame_times
    if fps is None:
        return np.arange(len(shown_s)), shown_s
    wanted_s = shown_s[0] + np.arange(max(1, round((recording.duration_s - shown_s[0]) * fps))) / fps
    return nearest(shown_s, wanted_s), wanted_s


def _rate(shown_s: np.ndarray) -> float:
    """Mean number of pictures a second; 1 where there is a single one, 0 without any."""
    return (len(shown_s) - 1) / (shown_s[-1] - shown_s[0]) if len(shown_s) > 1 else float(len(shown_s))


def _decoded(path: str, indices: np.ndarray, recording: Probe) -> Iterator[np.ndarray]:
    """The frames number `indices` (ascending) as a player shows them; raises MediaError where some do not decode.

    Where the size changes midway all are brought to the longest side of the largest, in the middle of one canvas.
    """
    if is_still(path):
        yield read_still(path)
        return
    num_frames, canvas = len(recording.frame_times), canvas_of(recording.shapes)
    repeats = np.bincount(indices, minlength=num_frames)
    following = 0
    with opened(path) as container:
        flow = frames_of(container, container.streams[recording.video_index], path)
        for number, frame, shape in numbered(flow, recording.stamps):
            if number != following:
                break
            following += 1
            if repeats[number]:
                yield from [placed(frame, shape, canvas)] * repeats[number]
    if following < num_frames:
        raise undecoded(path, following, num_frames)


def _notes_of_faces(faces: int) -> list[str]:
    return ["no face"] if faces == 0 else ["several faces"] if faces > 1 else []


def _notes_of_sound(heard: Heard | None, loudest_db: float, config: PrepareConfig) -> list[str]:
    if heard is None:
        return ["no sound"]
    clipped = len(heard.waveform) > 0 and bool(np.abs(heard.waveform).max() > CLIPPED)
    return (["channels cancel out"] * heard.cancels + ["silent"] * (loudest_db < config.silence_db)
            + ["clipped"] * clipped)


def _size(width: int, height: int, tracks: list[Track], config: PrepareConfig) -> tuple[int, int]:
    """Width and height of the prepared pictures: even, and never larger than what was filmed."""
    if tracks:
        side = min(config.size, width, height, float(tracks[0].sides.max()) * (1 + 2 * config.margin))
        return _even(side), _even(side)
    scale = min(1.0, config.size / min(width, height))
    return _even(width * scale), _even(height * scale)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def _cropped(pictures: Iterator[np.ndarray], tracks: list[Track], size: tuple[int, int],
             margin: float) -> Iterator[np.ndarray]:
    """The square around the face with its margin, or the whole picture where there is no face.

    A square that would leave the picture is moved back into it, and is at most as large: nothing is made up.
    """
    for number, picture in enumerate(pictures):
        if tracks:
            bounds = np.array(picture.shape[1::-1])  # (x, y)
            side = min(float(tracks[0].sides[number]) * (1 + 2 * margin), *bounds)
            centre = tracks[0].centres[number].clip(side / 2, bounds - side / 2)
            yield crop(picture, centre, side, size[0])
        else:
            yield np.asarray(Image.fromarray(picture).resize(size, SCALING))


def crop(picture: np.ndarray, centre: np.ndarray, side: float, size: int) -> np.ndarray:
    """(size, size, 3): a square of `side` pixels around `centre` (x, y), to a fraction of a pixel."""
    bounds = np.array(picture.shape[1::-1])
    box = (*(centre - side / 2).clip(0, bounds), *(centre + side / 2).clip(0, bounds))  # off by rounding at most
    return np.asarray(Image.fromarray(picture).resize((size, size), SCALING, box=box))


def _with_overview(pictures: Iterator[np.ndarray], detections: list[list[Face]], path: Path) -> Iterator[np.ndarray]:
    """The same pictures; the one with the most faces of them is also kept small, its faces framed."""
    best = max(range(len(detections)), key=lambda number: (len(detections[number]), number == len(detections) // 2))
    for number, picture in enumerate(pictures):
        if number == best:
            framed = Image.fromarray(picture)
            for face in detections[number]:
                ImageDraw.Draw(framed).rectangle(face[:4], outline=(255, 40, 40), width=min(framed.size) // 160 + 1)
            framed.thumbnail((OVERVIEW, OVERVIEW))
            path.parent.mkdir(parents=True, exist_ok=True)
            framed.save(path, quality=85)
        yield picture


def _levels(sound: np.ndarray | None) -> tuple[float, float]:
    """Loudness of a sound and of its loudest 20 ms, dB of full scale; -inf where there is none."""
    if sound is None or not len(sound):
        return -np.inf, -np.inf
    whole = np.pad(sound.astype(np.float64), (0, -len(sound) % LEVEL_FRAME)).reshape(-1, LEVEL_FRAME)
    power = (whole ** 2).mean(axis=1)
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((whole ** 2).sum() / len(sound))), float(10 * np.log10(power.max()))

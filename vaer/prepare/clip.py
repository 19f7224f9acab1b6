"""One file: decoded to its end, its face found and followed, and a compact clip of it written."""

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
from vaer.media.encode import write_audio, write_mp4
from vaer.media.frames import frames_of, numbered
from vaer.media.media import LEVEL_FRAME, nearest
from vaer.media.probe import Probe, opened, probe, undecoded, version
from vaer.media.shapes import canvas_of, placed
from vaer.media.stills import is_still, read_still
from vaer.media.waveforms import DecodedWaveform, decode_waveform
from vaer.prepare import limits
from vaer.prepare.faces import Face, detect
from vaer.prepare.manifest import OVERVIEWS, Facts
from vaer.prepare.settings import PrepareConfig
from vaer.prepare.track import Track, find_tracks

SCALING = Image.Resampling.BILINEAR  # of Pillow: over all pixels that a smaller one covers, so fine detail stays calm
DETECTING = 0.8  # of the time that a film takes
CLIPPED = 10 ** (0.5 / 20)  # half a dB over full scale: less is the ringing of resampling and of lossy codecs
OVERVIEW = 320  # pixels, the longer side of the frame in which the faces of a doubtful clip are framed


def prepare_one(source_root: str, source: str, target_root: str, target: str, settings: dict[str, Any]) -> list:
    """Write the clip `target` of the file `source` and return its `Facts` as a list.

    A function of the file and the settings alone: wherever and however often it runs, the same bytes come out.
    Raises MediaError, naming `source`, where the file does not decode to its end.
    """
    config, path, goal = PrepareConfig(**settings), os.path.join(source_root, source), Path(target_root, target)
    num_bytes, modified_ns = version(path)
    probed = probe(path)
    limits.allow(probed.duration_s, len(probed.frame_times) * probed.width * probed.height)
    decoded = decode_waveform(path, 0.0, probed.duration_s) if probed.has_audio else None
    waveform = decoded.waveform if decoded is not None else None
    goal.parent.mkdir(parents=True, exist_ok=True)
    shown_s, tracks, notes, size = np.zeros(0), [], [], (0, 0)
    with _whole(goal) as part:
        if len(probed.frame_times):
            indices, shown_s = _kept_frames(probed, config.fps)
            detections = []
            for image in _decoded(path, indices, probed):
                detections.append(detect(image))
                limits.reached(len(detections) / len(indices) * DETECTING)
            tracks = find_tracks(detections, _rate(shown_s))
            notes += _face_notes(len(tracks))
            size = _size(image.shape[1], image.shape[0], tracks, config)
            images = _decoded(path, indices, probed)
            if notes:
                images = _with_overview(images, detections, Path(target_root, OVERVIEWS, target + ".jpg"))
            cropped = _cropped(images, tracks, size, config.margin)
            if is_still(path):
                Image.fromarray(next(cropped)).save(part, "PNG")
            else:
                write_mp4(part, cropped, shown_s, waveform, size, quality=config.quality, gop=config.gop)
        else:
            write_audio(part, waveform, kind=goal.suffix[1:])
        content = part.read_bytes()
    loudness_db, loudest_db = _levels(waveform)
    notes += [probed.choice] if probed.choice else []
    notes += ["the size of its frames changes"] if len(probed.shapes) > 1 else []
    notes += _audio_notes(decoded, loudest_db, config)
    main = tracks[0] if tracks else None
    return list(Facts(
        path=target, source=as_text(source), notes="; ".join(notes), reason="",
        duration_s=round(probed.duration_s, 4), frames=len(shown_s), fps=round(_rate(shown_s), 3),
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


def _kept_frames(probed: Probe, fps: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Which frames of a file are kept, ascending, and when each is shown, seconds."""
    shown_s = probed.frame_times
    if fps is None:
        return np.arange(len(shown_s)), shown_s
    wanted_s = shown_s[0] + np.arange(max(1, round((probed.duration_s - shown_s[0]) * fps))) / fps
    return nearest(shown_s, wanted_s), wanted_s


def _rate(shown_s: np.ndarray) -> float:
    """Mean number of frames a second; 1 where there is a single one, 0 without any."""
    return (len(shown_s) - 1) / (shown_s[-1] - shown_s[0]) if len(shown_s) > 1 else float(len(shown_s))


def _decoded(path: str, indices: np.ndarray, probed: Probe) -> Iterator[np.ndarray]:
    """The frames number `indices` (ascending) as a player shows them; raises MediaError where some do not decode.

    Where the size changes midway all are brought to the longest side of the largest, in the middle of one canvas.
    """
    if is_still(path):
        yield read_still(path)
        return
    num_frames, canvas = len(probed.frame_times), canvas_of(probed.shapes)
    repeats = np.bincount(indices, minlength=num_frames)
    following = 0
    with opened(path) as container:
        flow = frames_of(container, container.streams[probed.video_index], path)
        for number, frame, shape in numbered(flow, probed.stamps):
            if number != following:
                break
            following += 1
            if repeats[number]:
                yield from [placed(frame, shape, canvas)] * repeats[number]
    if following < num_frames:
        raise undecoded(path, following, num_frames)


def _face_notes(faces: int) -> list[str]:
    return ["no face"] if faces == 0 else ["several faces"] if faces > 1 else []


def _audio_notes(decoded: DecodedWaveform | None, loudest_db: float, config: PrepareConfig) -> list[str]:
    if decoded is None:
        return ["no sound"]
    clipped = len(decoded.waveform) > 0 and bool(np.abs(decoded.waveform).max() > CLIPPED)
    return (["channels cancel out"] * decoded.cancels + ["silent"] * (loudest_db < config.silence_db)
            + ["clipped"] * clipped)


def _size(width: int, height: int, tracks: list[Track], config: PrepareConfig) -> tuple[int, int]:
    """Width and height of the prepared frames: even, and never larger than what was filmed."""
    if tracks:
        side = min(config.size, width, height, float(tracks[0].sides.max()) * (1 + 2 * config.margin))
        return _even(side), _even(side)
    scale = min(1.0, config.size / min(width, height))
    return _even(width * scale), _even(height * scale)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def _cropped(images: Iterator[np.ndarray], tracks: list[Track], size: tuple[int, int],
             margin: float) -> Iterator[np.ndarray]:
    """The square around the face with its margin, or the whole frame where there is no face.

    A square that would leave the frame is moved back into it, and is at most as large: nothing is made up.
    """
    for number, image in enumerate(images):
        if tracks:
            bounds = np.array(image.shape[1::-1])  # (x, y)
            side = min(float(tracks[0].sides[number]) * (1 + 2 * margin), *bounds)
            centre = tracks[0].centres[number].clip(side / 2, bounds - side / 2)
            yield crop(image, centre, side, size[0])
        else:
            yield np.asarray(Image.fromarray(image).resize(size, SCALING))


def crop(image: np.ndarray, centre: np.ndarray, side: float, size: int) -> np.ndarray:
    """(size, size, 3): a square of `side` pixels around `centre` (x, y), to a fraction of a pixel."""
    bounds = np.array(image.shape[1::-1])
    box = (*(centre - side / 2).clip(0, bounds), *(centre + side / 2).clip(0, bounds))  # off by rounding at most
    return np.asarray(Image.fromarray(image).resize((size, size), SCALING, box=box))


def _with_overview(images: Iterator[np.ndarray], detections: list[list[Face]], path: Path) -> Iterator[np.ndarray]:
    """The same frames; the one with the most faces of them is also kept small, its faces framed."""
    best = max(range(len(detections)), key=lambda number: (len(detections[number]), number == len(detections) // 2))
    for number, image in enumerate(images):
        if number == best:
            framed = Image.fromarray(image)
            for face in detections[number]:
                ImageDraw.Draw(framed).rectangle(face[:4], outline=(255, 40, 40), width=min(framed.size) // 160 + 1)
            framed.thumbnail((OVERVIEW, OVERVIEW))
            path.parent.mkdir(parents=True, exist_ok=True)
            framed.save(path, quality=85)
        yield image


def _levels(waveform: np.ndarray | None) -> tuple[float, float]:
    """Loudness of a waveform and of its loudest 20 ms, dB of full scale; -inf where there is none."""
    if waveform is None or not len(waveform):
        return -np.inf, -np.inf
    whole = np.pad(waveform.astype(np.float64), (0, -len(waveform) % LEVEL_FRAME)).reshape(-1, LEVEL_FRAME)
    power = (whole ** 2).mean(axis=1)
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((whole ** 2).sum() / len(waveform))), float(10 * np.log10(power.max()))

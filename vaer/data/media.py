"""From a file and a window to pictures and sound; the one place that opens media files.

Times come from PyAV's packets, as do the signs of a file that was cut off. Pictures come from a decoder that is given
their numbers (`decoders.py`), sound from PyAV.
"""

from functools import lru_cache

import av
import numpy as np

from vaer.data import decoders
from vaer.data.probe import opened, probe, start_of, through, version
from vaer.data.readers import Request
from vaer.errors import MediaError
from vaer.records import Clip, Item, Window

SAMPLE_RATE = 16_000
LEVEL_FRAME = SAMPLE_RATE // 50  # loudness is measured over 20 ms
GAP_S = 0.05  # sound that comes this much late follows a gap; less is the rounding of time stamps


def sound_span(path: str, trim_db: float) -> tuple[float, float]:
    """Start and end in seconds of what is less than `trim_db` under the loudest 20 ms of a file's sound.

    The whole duration where the sound is silent throughout. Raises MediaError.
    """
    return _sound_span(path, trim_db, *version(path))


def decode(item: Item, window: Window, *, size: int, video: bool = True, audio: bool = True,
           device: str = "cpu", decoder: str = "auto") -> Clip:
    """The pictures (nearest to `window.times`) and the sound of the same seconds; what is absent is None.

    Pictures are `size` pixels square, cut from the middle of the scaled-down picture; sound is mono at 16 kHz.
    `video` and `audio` say what is wanted, `device` (cpu or cuda) where pictures are decoded and `decoder` by what
    (auto or a name of `readers.READERS`). Raises MediaError, also where the clip has nothing that is wanted, and
    UserError where that decoder cannot be had.
    """
    frames = frame_times = sound = None
    if video and len(probe(item.path).frame_times):
        shown_s = probe(item.path).frame_times
        indices = nearest(shown_s, window.times)
        frames = read_frames(item.path, indices, size, device, decoder)
        frame_times = (shown_s[indices] - window.start_s) / window.speed
    if audio and item.sound is not None and probe(item.sound).has_sound:
        sound = read_sound(item.sound, window.start_s, window.end_s, round(SAMPLE_RATE / window.speed))
    if frames is None and sound is None:
        raise MediaError(item.path, f"has no {' and no '.join(['pictures'] * video + ['sound'] * audio)}, and that is "
                                    f"all that the network takes in; leave it out, or switch the other branch on")
    # Pictures may go on after the sound.
    return Clip(frames, frame_times, sound if sound is not None and len(sound) else None)


def nearest(shown_s: np.ndarray, wanted_s: np.ndarray) -> np.ndarray:
    """(wanted,) index into the ascending `shown_s` of the time nearest to each wanted one (the earlier of two)."""
    after = np.searchsorted(shown_s, wanted_s).clip(1, max(1, len(shown_s) - 1))
    if len(shown_s) == 1:
        return np.zeros(len(wanted_s), dtype=np.int64)
    return np.where(wanted_s - shown_s[after - 1] <= shown_s[after] - wanted_s, after - 1, after)


def read_frames(path: str, indices: np.ndarray, size: int, device: str = "cpu", decoder: str = "auto") -> np.ndarray:
    """(len(indices), size, size, 3) uint8: pictures number `indices` of a file in the order they are shown.

    Upright, as a player turns them: a phone films lying down and writes the turn beside the pictures.
    """
    facts = probe(path)
    scale = size / min(facts.width, facts.height)
    width, height = max(size, round(facts.width * scale)), max(size, round(facts.height * scale))
    frames = decoders.read(Request(path, indices, width, height, device), decoder)
    top, left = (height - size) // 2, (width - size) // 2
    square = frames[:, top:top + size, left:left + size]
    return np.ascontiguousarray(np.rot90(square, facts.quarter_turns, axes=(1, 2)))


def read_sound(path: str, start_s: float, end_s: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """(samples,) float32 mono sound of [start_s, end_s).

    Silence before a late start and where the stream has a gap, short after an early end. Raises MediaError.
    """
    start, end = round(start_s * sample_rate), round(end_s * sample_rate)
    spells: list[_Spell] = []
    with opened(path) as container:
        origin_s = start_of(container)
        stream = container.streams.audio[0]
        # A second of run-up lets codecs with memory settle. MPEG program streams are cut inside frames of sound: from
        # there the first one does not decode.
        if start_s > 1 and container.format.name != "mpeg":
            container.seek(round((start_s + origin_s - 1) / stream.time_base), stream=stream)
        for frame in through(container.decode(stream), path):
            time_s = _frame_time(frame, path) - origin_s
            if not _goes_on(spells, frame, time_s):
                spells.append(_Spell(frame, time_s, sample_rate))
            if spells[-1].end >= end:
                break
            spells[-1].add(frame)
    for spell in spells:
        spell.add(None)
    if not spells:
        raise MediaError(path, "its sound stream holds no sound that decodes; make the file again or leave it out")
    sound = np.zeros(max(0, min(max(spell.end for spell in spells), end) - start), dtype=np.float32)
    for spell in spells:
        spell.write(sound, start)
    return sound


class _Spell:
    """Sound without a gap, which begins with a frame that is heard at `time_s`; sample 0 is heard at 0 s."""

    def __init__(self, frame: av.AudioFrame, time_s: float, sample_rate: int) -> None:
        self.kind = _kind(frame)
        self.due_s = time_s
        self.first = self.end = round(time_s * sample_rate)
        self.pieces: list[np.ndarray] = []
        # An integer format makes FFmpeg mix channels as a weighted mean; with float two equal channels gain 3 dB.
        self.resampler = av.AudioResampler(format="s32", layout="mono", rate=sample_rate)

    def add(self, frame: av.AudioFrame | None) -> None:
        """The next frame; None for what the resampler still holds."""
        for piece in self.resampler.resample(frame):
            self.pieces.append(piece.to_ndarray()[0])
            self.end += piece.samples
        if frame is not None:
            self.due_s += frame.samples / frame.sample_rate

    def write(self, sound: np.ndarray, start: int) -> None:
        """Put what is heard where it belongs in a `sound` whose first sample is number `start`."""
        if not self.pieces:
            return
        heard = np.concatenate(self.pieces)[max(0, start - self.first):]
        place = max(0, self.first - start)
        heard = heard[:max(0, len(sound) - place)]
        sound[place:place + len(heard)] = heard / np.float32(2**31)


def _goes_on(spells: list[_Spell], frame: av.AudioFrame, time_s: float) -> bool:
    """Whether a frame belongs to the last spell: so behind a clock that starts again, not behind one wrong stamp."""
    if not spells or _kind(frame) != spells[-1].kind or time_s - spells[-1].due_s > GAP_S:
        return False
    back = spells[-1].due_s - time_s > GAP_S
    return not (back and len(spells) > 1 and time_s > spells[-2].due_s - GAP_S)


def _kind(frame: av.AudioFrame) -> tuple[str, str, int]:
    """What a stream may change midway, as broadcasts do."""
    return frame.format.name, frame.layout.name, frame.sample_rate


@lru_cache(maxsize=100_000)
def _sound_span(path: str, trim_db: float, num_bytes: int, modified_ns: int) -> tuple[float, float]:
    duration_s = probe(path).duration_s
    sound = read_sound(path, 0.0, duration_s)
    whole = sound[:len(sound) // LEVEL_FRAME * LEVEL_FRAME].reshape(-1, LEVEL_FRAME)
    levels = np.sqrt((whole.astype(np.float64) ** 2).mean(axis=1))
    if not levels.any():
        return 0.0, duration_s
    loud = np.flatnonzero(levels > levels.max() * 10 ** (-trim_db / 20))
    return float(loud[0]) * LEVEL_FRAME / SAMPLE_RATE, min(duration_s, float(loud[-1] + 1) * LEVEL_FRAME / SAMPLE_RATE)


def _frame_time(frame: av.AudioFrame | av.VideoFrame, path: str) -> float:
    if frame.pts is None:
        raise MediaError(path, "its frames carry no time stamps; remux it, for example `ffmpeg -i IN -c copy OUT.mkv`")
    return float(frame.pts * frame.time_base)

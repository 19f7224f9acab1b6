"""From a file and a window to frames and audio; the one place that opens media files.

Times come from PyAV's packets, as do the signs of a file that was cut off. Frames come from a decoder that is given
their numbers (`decoders.py`), audio from PyAV.
"""

from functools import lru_cache

import numpy as np

from vaer.errors import MediaError, log
from vaer.media import decoders, readers, stills
from vaer.media.probe import probe, unchanging, version
from vaer.media.readers import Request
from vaer.media.shapes import middle, upright
from vaer.media.waveforms import SAMPLE_RATE, read_waveform
from vaer.records import Clip, Item, Window

LEVEL_FRAME = SAMPLE_RATE // 50  # loudness is measured over 20 ms
LOGGED_CHOICES: set[str] = set()


def audio_span(path: str, trim_db: float) -> tuple[float, float]:
    """Start and end in seconds of what is less than `trim_db` under the loudest 20 ms of a file's audio.

    The whole duration where the audio is silent throughout. Raises MediaError.
    """
    return _audio_span(path, trim_db, *version(path))


@unchanging()
def decode(item: Item, window: Window, *, size: int, video: bool = True, audio: bool = True,
           device: str = "cpu", decoder: str = "auto") -> Clip:
    """The frames (nearest to `window.times`) and the audio of the same seconds; what is absent is None.

    Frames are `size` pixels square, cut from the middle of the scaled-down frame; audio is mono at 16 kHz.
    `video` and `audio` say what is wanted, `device` (cpu or cuda) where frames are decoded and `decoder` by what
    (auto or a name of `readers.READERS`). Raises MediaError, also where the clip has nothing that is wanted, and
    UserError where that decoder cannot be had.
    """
    frames = frame_times = waveform = None
    if video and len(probe(item.path).frame_times):
        _log_choice(item.path)
        shown_s = probe(item.path).frame_times
        indices = nearest(shown_s, window.times)
        frames = read_frames(item.path, indices, size, device, decoder)
        frame_times = (shown_s[indices] - window.start_s) / window.speed
    if audio and item.audio_path is not None and probe(item.audio_path).has_audio:
        _log_choice(item.audio_path)
        waveform = read_waveform(item.audio_path, window.start_s, window.end_s, round(SAMPLE_RATE / window.speed))
    if frames is None and waveform is None:
        raise MediaError(item.path, f"has no {' and no '.join(['frames'] * video + ['audio'] * audio)}, and that is "
                                    f"all that the network takes in; leave it out, or switch the other branch on")
    # Frames may go on after the audio.
    return Clip(frames, frame_times, waveform if waveform is not None and len(waveform) else None)


def _log_choice(path: str) -> None:
    """Log which streams are taken of the first file of its kind: every file of a corpus may hold several."""
    choice = probe(path).choice
    if choice and choice not in LOGGED_CHOICES:
        LOGGED_CHOICES.add(choice)
        log.warning("%s: %s; files like it are not named again, `vaer check` names each", path, choice)


def nearest(shown_s: np.ndarray, wanted_s: np.ndarray) -> np.ndarray:
    """(wanted,) index into the ascending `shown_s` of the time nearest to each wanted one (the earlier of two)."""
    after = np.searchsorted(shown_s, wanted_s).clip(1, max(1, len(shown_s) - 1))
    if len(shown_s) == 1:
        return np.zeros(len(wanted_s), dtype=np.int64)
    return np.where(wanted_s - shown_s[after - 1] <= shown_s[after] - wanted_s, after - 1, after)


def read_frames(path: str, indices: np.ndarray, size: int, device: str = "cpu", decoder: str = "auto") -> np.ndarray:
    """(len(indices), size, size, 3) uint8: frames number `indices` of a file in the order they are shown.

    As a player shows them: turned and mirrored where that stands beside the frames, in true proportions where their
    pixels are not square. The middle square of each frame, also where the size of frames changes midway. A still image
    is the one frame of its file, as often as it is asked for.
    """
    if stills.is_still(path):
        return np.repeat(stills.read_square(path, size)[None], len(indices), axis=0)
    facts = probe(path)
    if len(facts.shapes) > 1:
        return readers.read_squares(path, indices, size)
    [shape] = facts.shapes
    width, height = shape.covering(size)
    frames = decoders.read(Request(path, indices, width, height, device), decoder)
    return upright(middle(frames, size), shape.orientation)


@lru_cache(maxsize=100_000)
def _audio_span(path: str, trim_db: float, num_bytes: int, modified_ns: int) -> tuple[float, float]:
    duration_s = probe(path).duration_s
    waveform = read_waveform(path, 0.0, duration_s)
    whole = waveform[:len(waveform) // LEVEL_FRAME * LEVEL_FRAME].reshape(-1, LEVEL_FRAME)
    levels = np.sqrt((whole.astype(np.float64) ** 2).mean(axis=1))
    if not levels.any():
        return 0.0, duration_s
    loud = np.flatnonzero(levels > levels.max() * 10 ** (-trim_db / 20))
    return float(loud[0]) * LEVEL_FRAME / SAMPLE_RATE, min(duration_s, float(loud[-1] + 1) * LEVEL_FRAME / SAMPLE_RATE)

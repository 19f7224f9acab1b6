"""What the project reads out of the files of `odd_makers`, and whether it is right: numbers and moments."""

from typing import NamedTuple

import numpy as np
from odd_makers import COLOURS, TRUTH_RATE, Film, Odd, heard

from vaer.config import AugmentConfig, DataConfig
from vaer.data import dataset, windows
from vaer.errors import UserError
from vaer.media import media
from vaer.records import Clip, Item, Window

SIZE = 64
CONFIG = DataConfig(window_s=1.0, num_frames=6, size=SIZE, augment=AugmentConfig(speed=0.0), trim_db=None)
VIEWS, DRAWN = 3, 2  # windows at the start, in the middle and at the end; windows at random as training draws them
FIELD = slice(SIZE // 32, SIZE // 4 - SIZE // 32)  # the inside of a field, where a codec leaves the colour alone
NEAR_S = 0.004  # containers round times to a millisecond, some codecs once more
DURATION_S = 0.15
BLOCK = 2048  # samples of a block of ADPCM, to which the end is filled up
COLOUR = 45  # grey levels by which a lossy codec may change the mean of a field
MOMENT_MS, LIKE, GAIN = 2.0, 0.97, 0.05
LOSSY_MS, LOSSY_LIKE, LOSSY_GAIN = 30.0, 0.85, 0.3
LOSSY_END_MS = 70.0  # what the last block of an encoder may lack
DELAY_S = 0.1  # of an encoder; where a container cannot tell it, all streams stand later by that much
QUIET = 0.02
DELAYS_MS = {"wmav": 50.0}  # of encoders whose delay no container tells: 2048 samples
LOSSLESS = ("pcm_", "flac", "alac", "tta", "wavpack")


class Answer(NamedTuple):
    """What came of reading a file with one decoder."""

    verdict: str
    """right, refused, WRONG, or hang."""
    reason: str
    """The sentence of a refusal; what is wrong."""
    lag_ms: float = 0.0
    """How much later than it should the audio comes, where it differs most."""
    likeness: float = 1.0
    """Least correlation with the audio that was made."""


def answer(odd: Odd, path: str, decoder: str) -> Answer:
    """Read windows near the start and far from it, as training and evaluation do, and compare."""
    item = Item(id="a", path=path, audio_path=path if odd.sound() else None, label="a", speaker="a", take="a")
    if odd.film() is None and odd.sound() is None:
        raise ValueError(f"{odd.name}: nothing is to be read")
    faults, lags, likenesses = [], [0.0], [1.0]
    try:
        span = dataset.span(item, CONFIG)
        sound = odd.sound()
        filled_s = BLOCK / sound.rate if sound is not None and sound.codec.startswith("adpcm") else 0.0
        if not -DURATION_S < span[1] - duration_s(odd) < DURATION_S + filled_s:
            faults.append(f"lasts {span[1]:.2f} s where {duration_s(odd):.2f} s are right")
        late_s = None
        for window in drawn_windows(span):
            clip = media.decode(item, window, size=SIZE, decoder=decoder)
            late_s = delay_s(odd, window, clip) if late_s is None else late_s
            faults += frame_faults(odd, window, clip.frames, clip.frame_times, late_s)
            found, lag_ms, likeness = sound_faults(odd, window, clip.waveform, late_s)
            faults += found
            lags.append(lag_ms)
            likenesses.append(likeness)
    except UserError as error:
        return Answer("refused", str(error).replace(path, odd.name))
    return Answer("WRONG" if faults else "right", "; ".join(faults[:3]), max(lags, key=abs), min(likenesses))


def drawn_windows(span: tuple[float, float]) -> list[Window]:
    """Those of evaluation, and some of training."""
    return [windows.evaluation_window(span, CONFIG, view, VIEWS) for view in range(VIEWS)] + [
        windows.training_window(span, CONFIG, np.random.default_rng((0, epoch, 0))) for epoch in range(DRAWN)]


def origin_s(odd: Odd) -> float:
    """When the first thing is presented, on the clock with which the file was made."""
    return min(stream.start_s for stream in (odd.film(), odd.sound()) if stream is not None)


def duration_s(odd: Odd) -> float:
    """How long the file presents something."""
    film, sound, ends = odd.film(), odd.sound(), []
    if film is not None:
        times = film.times()
        ends.append(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 1 / float(film.rate)))
    if sound is not None:
        ends.append(sound.start_s + sound.seconds)
    return max(ends) - origin_s(odd)


def delay_s(odd: Odd, window: Window, clip: Clip) -> float:
    """How much later the first frames are said to stand than they were made, where audio may have such a delay."""
    film, sound = odd.film(), odd.sound()
    if film is None or sound is None or clip.frames is None or sound.codec.startswith(LOSSLESS):
        return 0.0
    number = numbers_of(clip.frames, film)[0][0]
    if number is None or number >= film.frames:
        return 0.0
    found = window.start_s + clip.frame_times[0] - (film.times()[number] - origin_s(odd))
    return float(found) if NEAR_S < found < DELAY_S else 0.0


def frame_faults(odd: Odd, window: Window, frames: np.ndarray | None, frame_times: np.ndarray | None,
                 late_s: float = 0.0) -> list[str]:
    """What is wrong with the frames of a window of a file in which all streams are `late_s` late."""
    film = odd.film()
    if film is None or frames is None:
        return [] if (film is None) == (frames is None) else ["frames where there are none" if film is None
                                                                else "no frames"]
    times = film.times() - origin_s(odd) + late_s
    numbers, colour = numbers_of(frames, film)
    faults = [f"colours are off by {colour:.0f}"] if colour > COLOUR else []
    for number, wanted_s, told_s in zip(numbers, window.times, window.start_s + frame_times, strict=True):
        distance = np.abs(times - wanted_s)
        if number is None:
            return [*faults, f"at {wanted_s:.2f} s a frame that tells no number"]
        if number >= len(times) or distance[number] > distance.min() + NEAR_S:
            return [*faults, f"at {wanted_s:.2f} s frame {number} where {distance.argmin()} is right"]
        if abs(told_s - times[number]) > NEAR_S:
            faults.append(f"frame {number} is said to stand at {told_s:.3f} s where {times[number]:.3f} s are right")
    return faults


def numbers_of(frames: np.ndarray, film: Film) -> tuple[list[int | None], float]:
    """The number that each of (frames, SIZE, SIZE, 3) tells, and the largest error of a mean colour, grey levels."""
    side = SIZE // 4
    fields = frames.reshape(len(frames), 4, side, 4, side, 3)[:, :, FIELD, :, FIELD].mean(axis=(2, 4))
    bits = fields[:, 2:].mean(axis=-1).reshape(len(frames), 8)
    numbers = [int(((row > 127) << np.arange(8)).sum()) if ((row < 80) | (row > 175)).all() else None for row in bits]
    colours = COLOURS.astype(float)
    if "gray" in film.pix_fmt or "mono" in film.pix_fmt:
        colours = (colours @ [0.299, 0.587, 0.114])[..., None]
    return numbers, float(np.abs(fields[:, :2] - colours).max())


def sound_faults(odd: Odd, window: Window, waveform: np.ndarray | None,
                 late_s: float = 0.0) -> tuple[list[str], float, float]:
    """What is wrong with the audio of a window, how late it is, ms, and its correlation with what was made."""
    sound = odd.sound()
    if sound is None:
        return ["audio where there is none"] * (waveform is not None), 0.0, 1.0
    start, end = round(window.start_s * TRUTH_RATE), round(window.end_s * TRUTH_RATE)
    moment = round((sound.start_s - origin_s(odd) + late_s) * TRUTH_RATE)
    if waveform is None:  # right where frames go on after the audio
        return ["no sound"] * (start < moment + len(heard(sound)) - LOSSY_END_MS * TRUTH_RATE / 1000), 0.0, 1.0
    truth = np.zeros(TRUTH_RATE + max(end, moment + len(heard(sound))) + TRUTH_RATE, dtype=np.float32)
    truth[TRUTH_RATE + moment:TRUTH_RATE + moment + len(heard(sound))] = heard(sound)  # a second of silence before
    lossless = sound.codec.startswith(LOSSLESS)
    slack_ms = odd.lag_ms or (MOMENT_MS if lossless else DELAYS_MS.get(sound.codec.rstrip("12"), LOSSY_MS))
    faults = []
    here = min(end, moment + len(heard(sound))) - start
    if not here - (slack_ms if lossless else LOSSY_END_MS) * 16 - 16 <= len(waveform) <= end - start:
        faults.append(f"{len(waveform)} samples of audio where {here} are right")
    if not np.isfinite(waveform).all():
        return [*faults, "audio that is no number"], 0.0, 0.0
    if np.sqrt((truth[TRUTH_RATE + start:TRUTH_RATE + end] ** 2).mean()) < QUIET:  # silence before or behind it
        loud = np.sqrt((waveform**2).mean()) if len(waveform) else 0.0
        return faults + [f"a level of {loud:.2f} where silence is right"] * bool(loud > QUIET), 0.0, 1.0
    lag, likeness, gain = placed(waveform, truth, TRUTH_RATE + start)
    lag_ms = 1000 * lag / TRUTH_RATE
    if likeness < (odd.likeness or (LIKE if lossless else LOSSY_LIKE)):
        faults.append(f"at {window.start_s:.2f} s audio that resembles none that was made ({likeness:.2f})")
    elif abs(lag_ms) > slack_ms:
        faults.append(f"at {window.start_s:.2f} s the audio is {lag_ms:.0f} ms late")
    elif abs(gain - 1) > (GAIN if lossless else LOSSY_GAIN):
        faults.append(f"the audio is {gain:.2f} times as loud")
    return faults, lag_ms, likeness


def placed(waveform: np.ndarray, truth: np.ndarray, start: int) -> tuple[int, float, float]:
    """How many samples later than at `start` of `truth` the waveform was made to be heard; correlation there; gain."""
    size = 1 << (len(truth) + len(waveform)).bit_length()
    products = np.fft.irfft(np.fft.rfft(truth, size) * np.fft.rfft(waveform, size).conj(), size)
    products = products[:len(truth) - len(waveform) + 1]
    energies = np.concatenate([[0.0], (truth.astype(np.float64) ** 2).cumsum()])
    energies = energies[len(waveform):] - energies[:-len(waveform)]
    own = float((waveform.astype(np.float64) ** 2).sum())
    likeness = products / np.sqrt(np.maximum(energies, 1e-3 * energies.max()) * max(own, 1e-12))
    best = int(likeness.argmax())
    return start - best, float(likeness[best]), float(products[best] / max(energies[best], 1e-12))

"""Which library decodes frames, on which device, and the guards around it: the one function behind which all stand.

decord and torchcodec jump to a frame by its number. They are asked only where that is known to give the right one
(`Probe.seekable`); else, and where they fail or count other frames, PyAV decodes from the start. Native code can hang
on a damaged file without giving the interpreter back: worker processes run it under an alarm that ends the worker, a
main process after PyAV decoded the file to its end. The alarm counts processor time, which no pause and no slow disk
uses up; waiting has a limit of its own, and whoever runs the workers tries again what it ended.
"""

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np

from vaer.errors import MediaError, UserError, first_line
from vaer.media import cuda, readers
from vaer.media.frames import frames_of, numbered
from vaer.media.probe import opened, probe, version
from vaer.media.readers import READERS, RefusedError, Request
from vaer.media.shapes import UPRIGHT
from vaer.media.streams import video_stream

ALARM_S = 30.0  # of processor time for every ALARM_PIXELS up to the last one wanted
ALARM_PIXELS = 1500 * 1280 * 720  # a minute of 25 frames of 720p a second
WAITING = 10  # times as long by the clock: for a decoder that waits for itself
REMEDIES = {
    "decord": "install it (`pip install decord`; there are wheels for x86-64 alone)",
    "torchcodec": "`pip install 'vaer[torchcodec]'` and install FFmpeg's shared libraries, 4 to 8 (Debian: the package "
                  "ffmpeg)"}


@cache
def chosen(decoder: str, device: str = "cpu", far: bool = True) -> str:
    """The reader that `data.decoder` and `data.decode_device` come down to here; raises UserError if it is missing.

    `far` says whether the frames wanted lie far from the start of their file; it matters to `auto` alone.
    """
    if device == "cuda":
        return cuda.chosen(decoder)
    if decoder == "auto":
        first = next(name for name in READERS if readers.is_usable(name))
        return "pyav" if first == "decord" and not far else first  # both scale by swscale: the same frames
    if not readers.is_usable(decoder):
        raise UserError(f"--data.decoder {decoder}: is not usable here; {REMEDIES[decoder]}, or choose "
                        f"--data.decoder auto.")
    return decoder


def described(decoder: str, device: str = "cpu") -> str:
    """The libraries that `data.decoder` comes down to here, with their versions, as a run records them."""
    names = dict.fromkeys(chosen(decoder, device, far) for far in (True, False))
    return "auto: " * (decoder == "auto") + ", ".join(readers.release(name) for name in names)


def read(request: Request, decoder: str = "auto") -> np.ndarray:
    """(frames, height, width, 3) uint8: what is requested, not yet turned upright; raises MediaError or UserError."""
    name = chosen(decoder, request.device, _is_far(request.indices))
    facts = probe(request.path)
    in_worker = multiprocessing.parent_process() is not None
    # Readers that seek turn frames by themselves, or not, or give them four channels (decord 0.6).
    if name != "pyav" and facts.seekable and facts.orientation == UPRIGHT and (
            in_worker or _decodes_whole(request.path, *version(request.path))):
        if request.device == "cuda":
            request = request._replace(device=f"cuda:{cuda.device_number()}")
        try:
            limit_s = ALARM_S * max(1, (request.indices.max() + 1) * facts.width * facts.height / ALARM_PIXELS)
            with _alarm(limit_s) if in_worker else contextlib.nullcontext():
                return READERS[name](request)
        except RefusedError as error:  # on the processor PyAV has the last word, and the reason
            if request.device != "cpu":
                raise MediaError(request.path, f"the GPU does not decode it ({first_line(error)}); convert it, for "
                                               f"example to H.264, or choose --data.decode_device cpu") from error
    return READERS["pyav"](request)


def _is_far(indices: np.ndarray) -> bool:
    """Whether more than a third of the frames up to the last one wanted come before the first one.

    At a third decord, which jumps, and PyAV, which decodes them all, are even (benchmarks/results/jumping.json).
    """
    return 3 * int(indices.min()) > int(indices.max())


@lru_cache(maxsize=100_000)
def _decodes_whole(path: str, num_bytes: int, modified_ns: int) -> bool:
    """Whether PyAV gets as many frames out of a file as its packets promise."""
    try:
        with opened(path) as container:
            frames = frames_of(container, video_stream(container, probe(path).video_index), path)
            return sum(1 for _ in numbered(frames, probe(path).stamps)) == len(probe(path).frame_times)
    except MediaError:
        return False


@contextlib.contextmanager
def _alarm(limit_s: float) -> Iterator[None]:
    """End this process if the block does not end: native code that hangs cannot be reached from Python.

    By SIGPROF once it took `limit_s` of processor time, by SIGALRM after WAITING times as long by the clock.
    """
    timers = {signal.ITIMER_PROF: (signal.SIGPROF, limit_s), signal.ITIMER_REAL: (signal.SIGALRM, WAITING * limit_s)}
    for timer, (number, seconds) in timers.items():
        signal.signal(number, signal.SIG_DFL)
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for timer in timers:
            signal.setitimer(timer, 0)

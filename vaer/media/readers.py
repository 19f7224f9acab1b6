"""The libraries that decode frames, each as one function from a `Request` to frames."""

import math
import os
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from av import VideoFrame

from vaer.media.frames import frames_of, numbered
from vaer.media.probe import opened, probe, undecoded
from vaer.media.shapes import Shape, rgb, squared
from vaer.media.streams import video_stream

if TYPE_CHECKING:  # costs torch
    from torch import Tensor

os.environ.setdefault("DECORD_EOF_RETRY_MAX", "128")  # its 10,240 means minutes on a truncated file
AT_ONCE = 8  # frames of full size that torchcodec holds: 22 MB at 1280 x 720


class Request(NamedTuple):
    """Which frames of a file are wanted, and how large."""

    path: str
    indices: np.ndarray
    """(frames,) their numbers in the order in which they are shown."""
    width: int
    height: int
    device: str = "cpu"
    """cpu, or cuda; a reader is told which one, cuda:NUMBER."""


class RefusedError(Exception):
    """A decoder fails at a file, or counts other frames than its packets; the message says which."""


Reader = Callable[[Request], np.ndarray]
"""(frames, height, width, 3) uint8 in main memory; raises RefusedError, PyAV's raises MediaError."""


def read_with_decord(request: Request) -> np.ndarray:
    """By decord, which scales while it converts to RGB."""
    import decord  # native threads and fork do not mix: it is loaded in the worker that uses it

    decord.logging.set_level(decord.logging.QUIET)
    kind, _, number = request.device.partition(":")
    where = decord.gpu(int(number)) if kind == "cuda" else decord.cpu()
    try:
        reader = decord.VideoReader(os.path.abspath(request.path), where, width=request.width, height=request.height,
                                    num_threads=1)
        _require_count(request.path, len(reader))
        return reader.get_batch(request.indices.tolist()).asnumpy()
    except (decord.DECORDError, RuntimeError, UnicodeEncodeError) as error:
        raise RefusedError(str(error)) from error


def read_with_torchcodec(request: Request) -> np.ndarray:
    """By torchcodec at full size, scaled by torch, which takes less time than torchcodec's own `Resize`."""
    from torchcodec.decoders import VideoDecoder

    try:
        decoder = VideoDecoder(os.path.abspath(request.path), device=request.device, seek_mode="exact",
                               num_ffmpeg_threads=1, stream_index=probe(request.path).video_index)
        _require_count(request.path, len(decoder))
        parts = np.array_split(request.indices, math.ceil(len(request.indices) / AT_ONCE))
        return np.concatenate([_scaled(decoder.get_frames_at(part.tolist()).data, request) for part in parts])
    except (RuntimeError, ValueError, IndexError) as error:
        raise RefusedError(str(error)) from error


def _scaled(frames: "Tensor", request: Request) -> np.ndarray:
    from torch.nn.functional import interpolate

    if frames.is_cuda:  # torch scales bytes on the processor only
        frames = frames.float()
    frames = interpolate(frames, (request.height, request.width), mode="bilinear", antialias=True)
    return frames.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def read_with_pyav(request: Request) -> np.ndarray:
    """By PyAV, in order from the start up to the last one wanted: no seeking, so no mistake in it."""
    return _in_order(request.path, request.indices, lambda frame, _: rgb(frame, request.width, request.height))


def read_squares(path: str, indices: np.ndarray, size: int) -> np.ndarray:
    """(frames, size, size, 3) uint8, by PyAV: upright middle squares, each frame in its own shape."""
    return _in_order(path, indices, lambda frame, shape: squared(frame, shape, size))


def _in_order(path: str, indices: np.ndarray, convert: Callable[[VideoFrame, Shape], np.ndarray]) -> np.ndarray:
    """The frames number `indices`, converted; raises MediaError where one does not decode."""
    wanted, facts = set(indices.tolist()), probe(path)
    images: dict[int, np.ndarray] = {}
    with opened(path) as container:
        flow = frames_of(container, video_stream(container, facts.video_index), path)
        for number, frame, shape in numbered(flow, facts.stamps):
            if number in wanted:
                images[number] = convert(frame, shape)
                if len(images) == len(wanted):
                    break
    missing = sorted(wanted - set(images))
    if missing:
        raise undecoded(path, missing[0], len(facts.frame_times))
    return np.stack([images[number] for number in indices.tolist()])


# In order of speed far from the start of a file: of the last second alone, relative to decord, 1 : 0.67 : 0.46 raw and
# 1 : 0.92 : 0.75 prepared (benchmarks/results/input_pipeline.json).
READERS: dict[str, Reader] = {"decord": read_with_decord, "torchcodec": read_with_torchcodec, "pyav": read_with_pyav}
PACKAGES = {"decord": "decord", "torchcodec": "torchcodec", "pyav": "av"}


def is_usable(name: str) -> bool:
    """Whether a reader's library is installed and, for torchcodec, finds the FFmpeg libraries that it loads."""
    if find_spec(PACKAGES[name]) is None:
        return False
    if name == "torchcodec":
        try:
            import torchcodec.decoders  # noqa: F401
        except (ImportError, OSError, RuntimeError):
            return False
    return True


def release(name: str) -> str:
    """A reader's library and its version, as the run records it."""
    return f"{PACKAGES[name]} {metadata.version(PACKAGES[name])}"


def _require_count(path: str, counted: int) -> None:
    """Raise RefusedError for a decoder that numbers the frames of a file in another way than its packets do.

    Those that an edit list hides behind the last one may be counted or not.
    """
    facts = probe(path)
    if counted not in (len(facts.frame_times), len(facts.frame_times) + facts.num_hidden_after):
        raise RefusedError(f"{counted} frames where the packets are {len(facts.frame_times)}")

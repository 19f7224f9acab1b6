"""Pictures decoded on an NVIDIA GPU: by decord where it was built with CUDA, else by torchcodec through NVDEC."""

import importlib.util
import os
from functools import cache

import numpy as np

from vaer.errors import MediaError, UserError

ROADS = ("build decord from source with -DUSE_CUDA=ON, or `pip install 'vaer[torchcodec]'` beside FFmpeg's shared "
         "libraries (4 to 8) with NVDEC; or choose --data.decode_device cpu")


@cache
def require() -> None:
    """Raise UserError, naming both roads, where this machine has no GPU or none of the two readers can use it."""
    import torch

    if not torch.cuda.is_available():
        raise UserError(f"--data.decode_device cuda: this machine shows no CUDA device; on one that does, {ROADS}.")
    if not decord_has_cuda() and importlib.util.find_spec("torchcodec") is None:
        raise UserError(f"--data.decode_device cuda: decord is missing or was built without CUDA, and torchcodec is "
                        f"not installed; {ROADS}.")


@cache
def decord_has_cuda() -> bool:
    """Whether decord is there and was built with CUDA, as PyPI's wheels are not."""
    if importlib.util.find_spec("decord") is None:
        return False
    import decord

    try:
        decord.nd.empty((1,), "uint8", decord.gpu(device_number()))
    except decord.DECORDError:
        return False
    return True


def device_number() -> int:
    """The GPU of this process among those of its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def read_frames(path: str, indices: np.ndarray, width: int, height: int) -> np.ndarray:
    """(len(indices), height, width, 3) uint8, in main memory: pictures number `indices` in the order they are shown.

    Raises UserError where no reader can use the GPU, MediaError for a file that it cannot decode.
    """
    require()
    if decord_has_cuda():
        import decord

        try:
            reader = decord.VideoReader(path, ctx=decord.gpu(device_number()), width=width, height=height)
            return reader.get_batch(indices.tolist()).asnumpy()
        except (decord.DECORDError, RuntimeError) as error:
            raise _undecoded(path, error) from error
    from torch.nn.functional import interpolate
    from torchcodec.decoders import VideoDecoder

    try:
        decoder = VideoDecoder(path, device=f"cuda:{device_number()}", seek_mode="exact")
        frames = decoder.get_frames_at(indices.tolist()).data  # (frames, 3, height, width) uint8
    except (RuntimeError, ValueError, IndexError) as error:
        raise _undecoded(path, error) from error
    scaled = interpolate(frames.float(), (height, width), mode="bilinear", antialias=True, align_corners=False)
    return scaled.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def _undecoded(path: str, error: Exception) -> MediaError:
    return MediaError(path, f"the GPU does not decode it ({str(error).strip().splitlines()[0]}); convert it, for "
                            f"example to H.264, or choose --data.decode_device cpu")

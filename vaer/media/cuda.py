"""What decodes frames on an NVIDIA GPU: decord where it was built with CUDA, else torchcodec through NVDEC."""

import os
from functools import cache
from importlib.util import find_spec

from vaer.errors import UserError
from vaer.media.readers import is_usable

ROADS = ("build decord from source with -DUSE_CUDA=ON, or `pip install 'vaer[torchcodec]'` beside FFmpeg's shared "
         "libraries (4 to 8) with NVDEC; or choose --data.decode_device cpu")


@cache
def chosen(decoder: str) -> str:
    """The reader for `data.decoder`; raises UserError, naming both roads, where there is no GPU or no reader for it."""
    import torch

    if not torch.cuda.is_available():
        raise UserError(f"--data.decode_device cuda: this machine shows no CUDA device; on one that does, {ROADS}.")
    if decoder in ("auto", "decord") and decord_has_cuda():
        return "decord"
    if decoder in ("auto", "torchcodec") and is_usable("torchcodec"):
        return "torchcodec"
    reasons = {"decord": "decord is missing or was built without CUDA", "pyav": "PyAV decodes on the processor alone",
               "torchcodec": "torchcodec is not installed or does not find FFmpeg's shared libraries"}
    reason = reasons.get(decoder, f"{reasons['decord']}, and {reasons['torchcodec']}")
    raise UserError(f"--data.decode_device cuda: {reason}; {ROADS}.")


@cache
def decord_has_cuda() -> bool:
    """Whether decord is there and was built with CUDA, as PyPI's wheels are not."""
    if find_spec("decord") is None:
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

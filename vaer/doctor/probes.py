"""What is asked of each library, in a process of its own: `python -m vaer.doctor.probes NAME` prints a line of JSON.

A native library may end the process that imports it, so nothing here is called by the process that reports.
"""

import ctypes
import json
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from vaer.words import counted


def torch() -> str:
    """What torch was built for and what it finds."""
    import torch

    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    with warnings.catch_warnings(record=True) as caught:  # a driver that is too old, say
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if usable else []
    reason = f" ({' '.join(str(caught[0].message).split())[:200]})" if caught else ""
    return f"{built}, {', '.join(names) or 'no GPU that it can use'}{reason}"


def torchvision() -> str:
    """Whether its compiled operators load beside torch."""
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    torchvision.ops.nms(boxes, torch.ones(1), 0.5)
    return "its operators run"


def torchaudio() -> str:
    """Whether its speech encoders load beside torch."""
    import torchaudio.models

    return f"{len(vars(torchaudio.models))} names in torchaudio.models"


def accelerate() -> str:
    """The device that one process would train on."""
    from accelerate import PartialState

    state = PartialState()
    return f"trains on {state.device}, {counted(state.num_processes, 'process')}"


def decord() -> str:
    """Whether decord was built with CUDA, and its FFmpeg libraries."""
    import decord

    try:
        decord.nd.empty((1,), "uint8", decord.gpu(0))
        built = "built with CUDA"
    except decord.DECORDError:
        built = "built without CUDA"
    return f"{built}; {ffmpeg_libraries('decord.libs')}"


def av() -> str:
    """The FFmpeg inside of PyAV."""
    import av

    return f"FFmpeg {av.ffmpeg_version_info}; {ffmpeg_libraries('av.libs')}"


def torchcodec() -> str:
    """The FFmpeg that torchcodec found on the system."""
    import torchcodec.decoders  # what a decoder needs, beyond the name

    return f"{torchcodec.decoders.VideoDecoder.__name__} loads; {ffmpeg_libraries('')}"


def dlib() -> str:
    """Whether the face detector of `vaer prepare` is there."""
    import dlib

    dlib.get_frontal_face_detector()
    return "its face detector loads"


def nvdec() -> str:
    """Whether the driver brings the library that decodes on the GPU."""
    ctypes.CDLL("libnvcuvid.so.1")
    return "the driver's libnvcuvid.so.1 loads"


def ffmpeg_libraries(folder: str) -> str:
    """The FFmpeg libraries that this process holds from a `folder` (any, if empty), with their versions."""
    maps = Path("/proc/self/maps")
    if not maps.exists():  # not Linux
        return "FFmpeg's libraries cannot be listed here"
    found = re.findall(r"\S*/(libavcodec|libavformat)[-.\w]*?\.so\.(\d[\d.]*)",
                       "\n".join(line for line in maps.read_text().splitlines() if folder in line))
    return " ".join(f"{name} {release}" for name, release in sorted(set(found))) or "no FFmpeg library loaded"


PROBES: dict[str, Callable[[], str]] = {
    "torch": torch, "torchvision": torchvision, "torchaudio": torchaudio, "accelerate": accelerate, "decord": decord,
    "av": av, "torchcodec": torchcodec, "dlib": dlib, "nvdec": nvdec}


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]]()))

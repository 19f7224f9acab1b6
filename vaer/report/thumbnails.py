"""Frames of clips inside a page. Faces are personal data: a page has them where that was asked for alone."""

import base64
import io

import numpy as np
from PIL import Image

from vaer.media.media import read_frames
from vaer.media.probe import probe

SIDE = 96
"""Pixels."""


def thumbnail(path: str) -> str | None:
    """The middle frame of a file as an address that holds it; None for one without frames. Raises MediaError."""
    count = len(probe(path).frame_times)
    if not count:
        return None
    [frame] = read_frames(path, np.array([count // 2]), SIDE)
    store = io.BytesIO()
    Image.fromarray(frame).save(store, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(store.getvalue()).decode()}"

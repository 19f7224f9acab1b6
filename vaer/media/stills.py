"""Still images: each is a file of one frame without audio, read by Pillow, as a viewer shows it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from av import VideoFrame
from PIL import Image, ImageOps, UnidentifiedImageError

from vaer.errors import MediaError
from vaer.media import STILL_ENDINGS
from vaer.media.shapes import Shape, squared
from vaer.placeholders import describe_placeholder

STILL_S = 0.04
"""How long a still is shown, seconds: one frame of 25 a second, as a film of a single frame would be."""
ORIENTATION = 0x0112  # of EXIF
GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N", "I")
"""How Pillow names grey of 16 bits; of `I`, which has 32, PNG fills 16."""


def is_still(path: str) -> bool:
    """Whether a file's ending is one of a still image."""
    return path.lower().endswith(STILL_ENDINGS)


def size_of(path: str) -> tuple[int, int]:
    """Width and height of a still as it is shown; raises MediaError. Of JPEG and WebP the header alone is read."""
    with _opened(path) as image, _to_its_end(path):  # in a PNG the orientation may stand behind the pixels
        turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)  # those that exchange the sides
        return image.size[::-1] if turned else image.size


def read_still(path: str) -> np.ndarray:
    """(height, width, 3) uint8: upright, in RGB, what is transparent over black; raises MediaError.

    Refused: files of several frames, and ones that end before their last row.
    """
    with _opened(path) as image, _to_its_end(path):
        return np.asarray(_in_rgb(ImageOps.exif_transpose(image)))


def read_square(path: str, size: int) -> np.ndarray:
    """(size, size, 3) uint8: the middle square of a still, scaled as frames of films are."""
    image = read_still(path)
    height, width = image.shape[:2]
    return squared(frame_of(image), Shape(width, height), size)


def frame_of(image: np.ndarray) -> VideoFrame:
    """An image as decoders give it."""
    return VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode in GREY_16:
        values = np.asarray(image).astype(np.float64) / 257  # 65535 is white
        return Image.fromarray(values.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, (0, 0, 0, 255)), whole).convert("RGB")
    return image.convert("RGB")


def _opened(path: str) -> Image.Image:
    """An image whose header was read; raises MediaError where it is none, or one of several frames."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # large, but not yet refused
            image = Image.open(path)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise MediaError(path, f"cannot be opened ({error.strerror}); check the path and its permissions"
                             ) from error
        kind = "has too many pixels" if isinstance(error, Image.DecompressionBombError) else "is no image of its ending"
        reason = describe_placeholder(path) or f"{kind} or is damaged; make or download it again"
        raise MediaError(path, reason) from error
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        image.close()
        raise MediaError(path, f"is an animation of {frames} frames, and a still has one; convert it to mp4, or take "
                               f"one of its frames")
    return image


@contextmanager
def _to_its_end(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, SyntaxError) as error:  # Pillow says a broken PNG by the latter
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise MediaError(path, f"does not decode to its end ({reason}); make or download it again") from error

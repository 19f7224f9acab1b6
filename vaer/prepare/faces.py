"""Where the faces are in one image; the one place that knows the detector."""

import functools
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np

if TYPE_CHECKING:
    import dlib

# The shorter side of the image as the detector sees it. Its smallest face has 80 pixels: those are found that are at
# least 80 / 360 = 22 % as high as the image. More pixels find smaller faces, which in a file of one speaker
# are chance or bystanders, and the time grows with their number.
SHORT_SIDE = 360
THRESHOLD = 0.0  # the detector's own


class Face(NamedTuple):
    """A face in an image: its box in pixels (it may reach over the edge), and how sure the detector is."""

    left: float
    top: float
    right: float
    bottom: float
    confidence: float
    """Margin of the detector's linear classifier, from 0 up on no fixed scale; a frontal face has 1 to 4."""


def detect(image: np.ndarray) -> list[Face]:
    """The faces in a (height, width, 3) uint8 RGB image, the surest first; none: an empty list.

    The boxes are squares from the forehead to the chin. The same image gives the same faces, on one core.
    """
    seen = shrunk(image)
    boxes, confidences, _ = _detector().run(seen, 0, THRESHOLD)
    x, y = image.shape[1] / seen.shape[1], image.shape[0] / seen.shape[0]
    faces = [Face(box.left() * x, box.top() * y, (box.right() + 1) * x, (box.bottom() + 1) * y, confidence)
             for box, confidence in zip(boxes, confidences, strict=True)]
    return sorted(faces, key=lambda face: -face.confidence)


def shrunk(image: np.ndarray) -> np.ndarray:
    """The (height, width, 3) uint8 image as the detector sees it; smaller ones are not made larger."""
    image = np.ascontiguousarray(image)
    scale = SHORT_SIDE / min(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (round(side * scale) for side in image.shape[:2])
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    seen = frame.reformat(width=width, height=height, interpolation="AREA").to_ndarray(format="rgb24")
    return np.ascontiguousarray(seen)  # dlib reads rows that are padded, as FFmpeg leaves them, at wrong places


@functools.cache
def _detector() -> "dlib.fhog_object_detector":
    """The detector of this process, made when it is first used: whoever asks for --help does not pay for it."""
    import dlib

    return dlib.get_frontal_face_detector()

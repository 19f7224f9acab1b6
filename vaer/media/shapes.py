"""How a decoded frame is shown: its turns and mirrors, the proportions of its pixels, and sizes that change midway."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.reformatter import VideoReformatter

SQUARE = 0.01  # pixels that are squarer than this are square: scalers leave ratios such as 640:639 behind
OBLONG = 8.0  # a pixel this many times as long as wide is a mistake in a header
# Containers that name the proportions of a pixel themselves, once for the whole stream; in the others the codec does.
NAMING_ASPECT = {"mp4", "matroska", "asf", "avi", "mxf", "nut"}


class Orientation(NamedTuple):
    """What a player does to a frame: exchange rows and columns, then mirror. All eight turns and mirrors."""

    transposed: bool = False
    flipped_x: bool = False
    """Left and right exchanged."""
    flipped_y: bool = False


UPRIGHT = Orientation()


class Shape(NamedTuple):
    """How one frame is coded, and shown."""

    width: int
    """Pixels as coded, like `height`."""
    height: int
    aspect: float = 1.0
    """Width of a pixel over its height, as coded."""
    orientation: Orientation = UPRIGHT

    def true_size(self) -> tuple[int, int]:
        """Width and height in square pixels, as shown; the shorter side of a pixel is stretched, none is lost."""
        width, height = round(self.width * max(1.0, self.aspect)), round(self.height * max(1.0, 1 / self.aspect))
        return (height, width) if self.orientation.transposed else (width, height)

    def covering(self, size: int) -> tuple[int, int]:
        """Width and height, as coded, of the smallest frame of true proportions that covers a square of `size`."""
        width, height = self.width * self.aspect, self.height
        scale = size / min(width, height)
        return max(size, round(width * scale)), max(size, round(height * scale))


def orientation_of(frame: av.VideoFrame, stream: av.VideoStream) -> Orientation:
    """The display matrix beside a frame, the stream's or its own; where there is none, the stream's tag `rotate`."""
    matrix = cast("Mapping[Type, SideData]", frame.side_data).get(Type.DISPLAYMATRIX)
    if matrix is None:
        return _of_tag(stream)
    right_x, right_y, _, down_x, down_y = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
    if max(abs(right_x), abs(down_y)) >= max(abs(right_y), abs(down_x)):
        return Orientation(False, right_x < 0, down_y < 0)
    return Orientation(True, down_x < 0, right_y < 0)


def _of_tag(stream: av.VideoStream) -> Orientation:
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    try:
        degrees = float(tags.get("rotate", 0))  # clockwise
    except ValueError:
        return UPRIGHT
    turns = round(degrees / 90) % 4 if math.isfinite(degrees) else 0
    return (UPRIGHT, Orientation(True, True, False), Orientation(False, True, True),
            Orientation(True, False, True))[turns]


def aspect_of(owner: av.VideoStream | av.VideoCodecContext) -> float:
    """Width of a pixel over its height; 1 where nothing, or nonsense, is said of it."""
    ratio = owner.sample_aspect_ratio
    if not ratio or not 1 / OBLONG <= ratio <= OBLONG or abs(ratio - 1) < SQUARE:
        return 1.0
    return float(ratio)


def upright(images: np.ndarray, orientation: Orientation) -> np.ndarray:
    """(..., height, width, channels) as a player turns and mirrors them."""
    if orientation.transposed:
        images = images.swapaxes(-3, -2)
    if orientation.flipped_x:
        images = images[..., ::-1, :]
    if orientation.flipped_y:
        images = images[..., ::-1, :, :]
    return np.ascontiguousarray(images)


def rgb(frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 of a frame.

    By a converter that is freed at once: one that stays with its frame may be freed in a process that was forked
    meanwhile, which waits for ever for the converter's threads. Those would take longer to start than they save.
    """
    return VideoReformatter().reformat(frame, width, height, "rgb24", threads=1).to_ndarray()


def squared(frame: av.VideoFrame, shape: Shape, size: int) -> np.ndarray:
    """(size, size, 3): the middle square of a frame, upright and in true proportions."""
    width, height = shape.covering(size)
    return upright(middle(rgb(frame, width, height), size), shape.orientation)


def middle(images: np.ndarray, size: int) -> np.ndarray:
    """(..., size, size, channels): the middle square."""
    top, left = (images.shape[-3] - size) // 2, (images.shape[-2] - size) // 2
    return images[..., top:top + size, left:left + size, :]


def canvas_of(shapes: Iterable[Shape]) -> tuple[int, int]:
    """Width and height on which frames of all these shapes find room, each enlarged to the longest side of all."""
    sizes = [shape.true_size() for shape in shapes]
    longest = max(max(size) for size in sizes)
    fitted = [_fitted(size, longest) for size in sizes]
    return max(width for width, _ in fitted), max(height for _, height in fitted)


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    width, height = (max(1, round(side * longest / max(size))) for side in size)
    return width, height


def placed(frame: av.VideoFrame, shape: Shape, canvas: tuple[int, int]) -> np.ndarray:
    """(height, width, 3): a frame upright, in true proportions, in the middle of a `canvas`; around it is black."""
    width, height = _fitted(shape.true_size(), max(canvas))
    coded = (height, width) if shape.orientation.transposed else (width, height)
    image = upright(rgb(frame, *coded), shape.orientation)
    if (width, height) == canvas:
        return image
    whole = np.zeros((canvas[1], canvas[0], 3), dtype=np.uint8)
    top, left = (canvas[1] - height) // 2, (canvas[0] - width) // 2
    whole[top:top + height, left:left + width] = image
    return whole

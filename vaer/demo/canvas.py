"""What faces are drawn on: antialiased shapes in the coordinates of a face that may move."""

from typing import NamedTuple

import numpy as np

Colour = tuple | np.ndarray  # RGB, 0 to 255
EXTENT = 1.08  # half of the image's width in coordinates of the face


class Pose(NamedTuple):
    """How the head is held: shift in coordinates of the face, roll in radians, size relative to the usual one."""

    x: float = 0.0
    y: float = 0.0
    roll: float = 0.0
    scale: float = 1.0


class Canvas:
    """An image (3, size, size) and the coordinates of the face at its pixels; |x| draws both sides of a face at once.

    A shape touches its bounding box alone; where its edge crosses a pixel, it is mixed in by the share it covers.
    """

    def __init__(self, wall: np.ndarray, pose: Pose) -> None:
        self.rgb, self.size = wall.copy(), wall.shape[-1]
        self.pixel = 2 * EXTENT / self.size / pose.scale
        self.cos, self.sin = float(np.cos(pose.roll)), float(np.sin(pose.roll))
        self.middle = (self.size / 2 * (1 + pose.x / EXTENT), self.size / 2 * (1 + (pose.y + 0.1) / EXTENT))
        steps = np.arange(self.size, dtype=np.float32) + 0.5
        across, down = (steps - self.middle[0]) * self.pixel, ((steps - self.middle[1]) * self.pixel)[:, None]
        self.x = across * self.cos + down * self.sin  # (size, size)
        self.y = down * self.cos - across * self.sin
        self.abs_x = np.abs(self.x)

    def box(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
        """The rows and columns that hold a rectangle of the face."""
        x, y, half_x, half_y = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
        wide, high = half_x * self.cos + half_y * abs(self.sin), half_y * self.cos + half_x * abs(self.sin)
        column = self.middle[0] + (x * self.cos - y * self.sin) / self.pixel
        row = self.middle[1] + (y * self.cos + x * self.sin) / self.pixel
        ends = [min(max(int(middle + sign * (reach / self.pixel + 1) + (sign > 0)), 0), self.size)
                for middle, reach in ((row, high), (column, wide)) for sign in (-1, 1)]
        return slice(ends[0], ends[1]), slice(ends[2], ends[3])

    def cover(self, distance: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """Share of each pixel inside a shape, from the signed distance to its edge; `blur` widens the edge."""
        share = distance * (-1 / (self.pixel + blur)) + 0.5
        np.maximum(share, 0, out=share)
        return np.minimum(share, 1, out=share)

    def paint(self, box: tuple[slice, slice], share: np.ndarray, colour: Colour) -> None:
        """Mix a colour, (3,) or (3, height, width), into a box by `share` (height, width)."""
        patch, colour = self.rgb[:, box[0], box[1]], np.asarray(colour, np.float32)
        patch += share * ((colour[:, None, None] if colour.ndim == 1 else colour) - patch)

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour, *, opacity: float = 1.0,
                blur: float = 0.0, both: bool = False) -> None:
        """An ellipse; `both` mirrors it to the other side of the face."""
        (x, y), (rx, ry), reach = centre, radii, blur / 2
        box = self.box((-x if both else x) - rx - reach, y - ry - reach, x + rx + reach, y + ry + reach)
        dx, dy = ((self.abs_x if both else self.x)[box] - x) * (1 / rx), (self.y[box] - y) * (1 / ry)
        distance = (np.sqrt(dx * dx + dy * dy) - 1) * min(rx, ry)
        self.paint(box, self.cover(distance, blur) * opacity, colour)

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float, colour: Colour, *,
             opacity: float = 1.0, sag: float = 0.0, both: bool = False) -> None:
        """A stroke with round ends that thins out to them; its middle lies `sag` off the straight way."""
        if opacity <= 0.01:
            return
        (x0, y0), (x1, y1), reach = start, end, width + abs(sag)
        left, right = -max(x0, x1) if both else min(x0, x1), max(x0, x1)
        box = self.box(left - reach, min(y0, y1) - reach, right + reach, max(y0, y1) + reach)
        length = float(np.hypot(x1 - x0, y1 - y0))
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        dx, dy = (self.abs_x if both else self.x)[box] - x0, self.y[box] - y0
        along = (dx * ux + dy * uy) * (2 / length) - 1  # -1 at the start, 1 at the end
        bend = 1 - along * along
        off, beyond = dy * ux - dx * uy - bend * sag, np.maximum(np.abs(along) - 1, 0) * (length / 2)
        distance = np.sqrt(off * off + beyond * beyond) - (bend + 1) * (width / 2)
        self.paint(box, self.cover(distance) * opacity, colour)

"""A drawn face: who it is (`Identity`), how its muscles stand (17 action units).

Coordinates are those of the face: x to the right, y down, 1 is about the distance from the nose to the top of the hair.
"""

import functools
from typing import NamedTuple

import numpy as np

from vaer.demo.canvas import Canvas, Pose

UNITS = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU23",
         "AU25", "AU26", "AU45")
"""The action units, in the order of OpenFace's columns; intensities run from 0 to 5."""
Units = dict[str, float]  # by name, 0 to 1

SKINS = ((250, 218, 194), (242, 198, 166), (224, 172, 136), (204, 148, 110), (176, 118, 82), (146, 94, 64),
         (126, 80, 56), (255, 208, 176))
HAIRS = ((38, 28, 26), (84, 52, 32), (140, 88, 44), (214, 172, 98), (176, 70, 36), (128, 128, 134), (226, 224, 220),
         (58, 62, 104))
IRISES = ((70, 110, 150), (74, 120, 74), (96, 62, 36), (120, 92, 44), (88, 100, 108))
STYLES = ("short", "parting", "long", "fringe", "bun", "curls", "bald")
GLASSES = ("none", "none", "none", "none", "round", "square")
BEARDS = ("none", "none", "stubble", "full", "moustache")


class Identity(NamedTuple):
    """What a speaker looks like; colours are RGB from 0 to 255, lengths are in coordinates of the face."""

    skin: tuple[float, ...]
    hair: tuple[float, ...]
    iris: tuple[float, ...]
    lips: tuple[float, ...]
    shirt: tuple[float, ...]
    walls: tuple[tuple[float, ...], tuple[float, ...]]
    pattern: int
    style: str
    glasses: str
    beard: str
    width: float
    taper: float
    eye_x: float
    eye_size: float
    brow: float
    nose: float
    mouth: float
    lip: float


def make_identity(speaker: int, seed: int = 0) -> Identity:
    """The look of one speaker, always the same one; neighbours differ in wall, hair and skin by construction."""
    rng = np.random.default_rng((seed, speaker, 0))
    skin = np.array(SKINS[(speaker * 3 + seed) % len(SKINS)]) * rng.uniform(0.96, 1.02)
    style = STYLES[(speaker + seed) % len(STYLES)]
    hue = (speaker * 0.382 + rng.uniform(0, 0.1)) % 1
    beards = BEARDS if style in ("short", "parting", "curls", "bald") else ("none",)
    return Identity(
        skin=tuple(skin.clip(0, 255).tolist()), hair=HAIRS[(speaker * 5 + speaker // 8 + seed) % len(HAIRS)],
        iris=IRISES[rng.integers(len(IRISES))], lips=tuple((skin * (0.84, 0.58, 0.58) + (8, 0, 4)).tolist()),
        shirt=_hue((hue + 0.45) % 1, 0.55, rng.uniform(90, 220)),
        walls=(_hue(hue, 0.32, rng.uniform(170, 235)), _hue((hue + 0.08) % 1, 0.4, rng.uniform(110, 170))),
        pattern=int(rng.integers(4)), style=style, glasses=GLASSES[rng.integers(len(GLASSES))],
        beard=beards[rng.integers(len(beards))], width=rng.uniform(0.58, 0.68), taper=rng.uniform(0.12, 0.3),
        eye_x=rng.uniform(0.255, 0.29), eye_size=rng.uniform(0.92, 1.12), brow=rng.uniform(0.036, 0.055),
        nose=rng.uniform(0.8, 1.25), mouth=rng.uniform(0.23, 0.28), lip=rng.uniform(0.85, 1.3))


def draw(identity: Identity, units_row: np.ndarray, pose: Pose = Pose(), size: int = 96) -> np.ndarray:  # noqa: B008
    """One frame, (size, size, 3) uint8, of a face whose action units `units_row` (17,) go from 0 to 5."""
    # Concave, so that the weak intensities of real takes are seen as well.
    levels = (np.clip(np.asarray(units_row, np.float64), 0, 5) / 5) ** 0.75
    au = dict(zip(UNITS, levels.tolist(), strict=True))
    canvas = Canvas(_wall(identity.walls, identity.pattern, size), pose)
    for part in (_body, _head, _cheeks, _nose, _eyes, _mouth, _hair, _brows, _glasses):  # from back to front
        part(canvas, identity, au)
    return np.ascontiguousarray(canvas.rgb.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def _hue(hue: float, saturation: float, value: float) -> tuple[float, ...]:
    ramps = np.abs((hue + np.array([0, 2 / 3, 1 / 3])) % 1 * 6 - 3) - 1
    return tuple((value * (1 - saturation * (1 - ramps.clip(0, 1)))).tolist())


def _shade(colour: tuple, light: float | np.ndarray) -> np.ndarray:
    return np.multiply.outer(np.asarray(colour, np.float32), light)  # (3,) or (3, height, width)


@functools.lru_cache(maxsize=4)
def _wall(walls: tuple, pattern: int, size: int) -> np.ndarray:
    x, y = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)
    waves = (y, y + 0.25 * np.sign(np.sin(x * 26)), y + 0.3 * np.sin(x * 14) * np.sin(y * 14),
             np.hypot(x - 0.5, y - 0.4))
    top, bottom = (np.array(wall)[:, None, None] for wall in walls)
    return (top + (bottom - top) * waves[pattern].clip(0, 1)).astype(np.float32)  # (3, size, size)


def _body(canvas: Canvas, who: Identity, _: Units) -> None:
    if who.style == "long":
        canvas.ellipse((0, 0.08), (who.width + 0.2, 0.98), _shade(who.hair, 0.75))
    if who.style == "bun":
        canvas.ellipse((0, -0.9), (0.24, 0.2), _shade(who.hair, 0.9))
    canvas.ellipse((0, 1.45), (0.95, 0.62), who.shirt)
    canvas.ellipse((0, 0.78), (0.27, 0.3), _shade(who.skin, 0.72))
    canvas.ellipse((who.width, 0.0), (0.09, 0.15), _shade(who.skin, 0.85), both=True)


def _outline(canvas: Canvas, who: Identity, box: tuple[slice, slice], chin: float, grow: float = 0.0) -> np.ndarray:
    """Distance to the edge of the head, about right near it and -width at the middle."""
    low, high = np.maximum(canvas.y[box], 0), np.minimum(canvas.y[box], 0)
    across = canvas.x[box] / (who.width + grow - low * low * who.taper)
    upright = high * (1 / (0.84 + grow)) + low * (1 / chin)
    return (np.sqrt(across * across + upright * upright) - 1) * who.width


def _head(canvas: Canvas, who: Identity, au: Units) -> None:
    chin = 0.8 + 0.15 * au["AU26"] - 0.03 * au["AU17"]
    box = canvas.box(-who.width, -0.84, who.width, chin)
    distance, x, y = _outline(canvas, who, box, chin), canvas.x[box], canvas.y[box]
    depth = np.maximum(distance * (1 / who.width) + 1, 0)  # 0 at the middle, 1 at the edge
    share = canvas.cover(distance)
    canvas.paint(box, share, _shade(who.skin, 1.06 - 0.2 * depth * depth * depth - 0.09 * x - 0.045 * y))
    if who.beard in ("stubble", "full"):
        beard = canvas.cover(0.5 - y - canvas.abs_x[box] ** 2 * 1.1, 0.12)
        canvas.paint(box, beard * share * (0.35 if who.beard == "stubble" else 0.8), who.hair)
    dark, chin_y = _shade(who.skin, 0.55), 0.69 + 0.13 * au["AU26"] - 0.05 * au["AU17"]
    canvas.line((-0.13, chin_y), (0.13, chin_y), 0.025, dark, opacity=0.06 + 0.8 * au["AU17"], sag=-0.06)
    canvas.ellipse((0, chin_y + 0.07), (0.1, 0.05), _shade(who.skin, 1.12), opacity=0.6 * au["AU17"], blur=0.05)
    for unit, x0, x1 in (("AU01", 0.0, 0.2), ("AU02", 0.24, 0.46)):  # forehead lines: the middle, the sides
        for y0 in (-0.5, -0.59):
            canvas.line((x0, y0), (x1, y0), 0.018, dark, opacity=0.5 * au[unit], sag=-0.01, both=True)


def _cheeks(canvas: Canvas, who: Identity, au: Units) -> None:
    lift, dark = max(au["AU06"], 0.5 * au["AU12"]), _shade(who.skin, 0.6)
    blush = (who.skin[0], who.skin[1] * 0.72, who.skin[2] * 0.7)
    canvas.ellipse((0.38, 0.22 - 0.08 * lift), (0.15 + 0.02 * lift, 0.11), blush, both=True, blur=0.12,
                   opacity=0.3 + 0.55 * au["AU06"])
    canvas.line((0.16, 0.06), (0.42, 0.03), 0.022, dark, opacity=0.75 * au["AU06"], sag=0.05, both=True)
    for y in (-0.06, 0.02):  # crow's feet
        canvas.line((0.46, -0.1 + y / 3), (0.55, -0.1 + y * 1.6), 0.016, dark, opacity=0.7 * au["AU06"], both=True)
    fold = 0.08 + 0.5 * au["AU12"] + 0.6 * au["AU10"] + 0.35 * au["AU09"]
    end = (0.31 + 0.08 * au["AU12"] + 0.05 * au["AU20"], 0.39 - 0.04 * au["AU12"])
    canvas.line((0.15, 0.2 - 0.03 * au["AU10"]), end, 0.022, dark, sag=-0.03, opacity=min(fold, 0.85), both=True)


def _nose(canvas: Canvas, who: Identity, au: Units) -> None:
    wide, tip = 0.105 * who.nose + 0.035 * au["AU09"] + 0.02 * au["AU10"], 0.2 - 0.06 * au["AU09"] - 0.025 * au["AU10"]
    dark, bright = _shade(who.skin, 0.62), _shade(who.skin, 1.12)
    canvas.ellipse((0.07, 0.05), (0.055, 0.2), _shade(who.skin, 0.8), opacity=0.55, blur=0.06)
    canvas.ellipse((-0.01, 0.02), (0.028, 0.18), bright, opacity=0.45, blur=0.04)
    canvas.ellipse((0, tip), (wide, 0.07), _shade(who.skin, 0.9), opacity=0.8, blur=0.04)
    canvas.ellipse((-0.015, tip - 0.02), (0.04, 0.032), bright, opacity=0.7, blur=0.03)
    canvas.ellipse((wide * 0.5, tip + 0.045), (0.03 + 0.012 * au["AU09"], 0.017), _shade(who.skin, 0.35), both=True)
    canvas.line((wide, tip - 0.03), (wide * 0.9, tip + 0.05), 0.016, dark, opacity=0.55, sag=-0.02, both=True)
    for y in (-0.15, -0.08):  # wrinkles across the root, and beside it
        canvas.line((-0.09, y), (0.09, y), 0.02, dark, opacity=0.8 * au["AU09"], sag=0.025)
        canvas.line((0.07, y + 0.1), (0.13, y + 0.06), 0.016, dark, opacity=0.7 * au["AU09"], both=True)


def _eyes(canvas: Canvas, who: Identity, au: Units) -> None:
    x, y, half, skin = who.eye_x, -0.12, 0.165 * who.eye_size, who.skin
    low = (0.062 - 0.034 * au["AU07"] - 0.016 * au["AU06"]) * who.eye_size
    high = (0.088 + 0.055 * au["AU05"] - 0.024 * au["AU07"]) * who.eye_size
    high = high * (1 - au["AU45"]) - low * 0.9 * au["AU45"]
    canvas.ellipse((x, y - 0.03), (half * 1.15, 0.15), _shade(skin, 0.84), opacity=0.6, blur=0.08, both=True)
    box = canvas.box(-x - half, y - 0.16, x + half, y + 0.09)
    side, down = canvas.abs_x[box] - x, canvas.y[box] - y
    arch = 1 - (side * (1 / half)) ** 2
    opening = canvas.cover(np.maximum(-down - arch * high, down - arch * low))
    radius, iris = np.hypot(side, down + 0.012), 0.082 * who.eye_size
    glint = np.hypot(side + 0.02, down + 0.045)
    canvas.paint(box, opening, (246, 244, 242))
    canvas.paint(box, opening * canvas.cover(down + (high - 0.03), 0.05) * 0.35, (120, 110, 120))
    for distance, blur, colour in ((radius - iris, 0.0, _shade(who.iris, 0.6)),
                                   (radius - iris * 0.75, 0.02, _shade(who.iris, 1.2)),
                                   (radius - iris * 0.45, 0.0, (16, 12, 14)), (glint - 0.017, 0.0, (255, 255, 255))):
        canvas.paint(box, opening * canvas.cover(distance, blur), colour)
    crease = -0.05 - max(high, 0.02)
    for width, sag, tone, opacity, y0 in (
            (0.024, -high, 0.3, 1.0, y), (0.014, low, 0.6, 0.7, y),  # the edges of the lids
            (0.014, crease, 0.55, 0.6 * (1 - au["AU05"]), y - 0.02),  # a wide eye swallows its crease
            (0.018, 0.05, 0.6, 0.1 + 0.65 * au["AU07"], y + 0.04)):
        canvas.line((x - half, y0), (x + half, y0 - 0.005), width, _shade(skin, tone), sag=sag, opacity=opacity,
                    both=True)


def _brows(canvas: Canvas, who: Identity, au: Units) -> None:
    inner = (who.eye_x - 0.15 - 0.06 * au["AU04"], -0.3 - 0.13 * au["AU01"] + 0.1 * au["AU04"] + 0.03 * au["AU09"])
    outer = (who.eye_x + 0.19, -0.31 - 0.15 * au["AU02"] + 0.03 * au["AU04"])
    arch = -0.05 - 0.025 * au["AU01"] - 0.04 * au["AU02"] + 0.035 * au["AU04"]
    bright, light = sum(who.hair) * 0.75, sum(who.skin)  # brows like the skin would not be seen
    colour = _shade(who.hair, 0.75) if bright < 0.7 * light else _shade(who.skin, 0.4 if light < 400 else 0.5)
    canvas.line(inner, outer, who.brow, colour, sag=arch, both=True)
    canvas.line((inner[0] * 0.55, -0.32), (inner[0] * 0.6, -0.17), 0.02, _shade(who.skin, 0.5),
                opacity=0.85 * au["AU04"], sag=0.01, both=True)


def _mouth(canvas: Canvas, who: Identity, au: Units) -> None:
    tight = 1 - 0.55 * au["AU23"] - 0.25 * au["AU20"]
    half = who.mouth * (1 - 0.22 * au["AU23"]) + 0.085 * au["AU12"] + 0.1 * au["AU20"] + 0.035 * au["AU14"]
    y = 0.45 + 0.02 * au["AU26"] - 0.03 * au["AU17"]
    corner = -0.015 - 0.13 * au["AU12"] + 0.12 * au["AU15"] - 0.03 * au["AU14"]  # against the middle of the mouth
    above, below = 0.062 * au["AU10"] + 0.012 * au["AU25"], 0.075 * au["AU25"] + 0.15 * au["AU26"]
    upper, lower = 0.052 * who.lip * tight, 0.075 * who.lip * tight * (1 + 0.5 * au["AU17"])
    box = canvas.box(-half, y - 0.3, half, y + 0.42)
    side = canvas.abs_x[box] * (1 / half)
    arch = 1 - side * side
    down = canvas.y[box] - y - (1 - 1.3 * arch) * corner
    bow = upper * (1 - 0.25 * np.exp(-25 * side * side)) + above
    lips = canvas.cover(np.maximum(-down - arch * bow, down - arch * (below + lower)))
    gap = canvas.cover(np.maximum(-down - arch * above, down - arch * below))
    shine = np.maximum(1 - np.abs(down - below - 0.5 * lower) * (2 / lower), 0) * np.maximum(arch, 0)
    canvas.paint(box, lips, _shade(who.lips, 0.98 + 0.2 * shine - 0.16 * (down < 0)))
    canvas.paint(box, gap, (74, 22, 28))
    if below > 0.1:
        canvas.paint(box, gap * canvas.cover(below - 0.05 - down + 0.1 * side * side, 0.02), (186, 84, 88))
    canvas.paint(box, gap * canvas.cover(down + (above - 0.05)) * canvas.cover(side - 0.8, 0.1), (248, 244, 236))
    seam = max(0.0, 1 - (above + below) / 0.05)  # the line between closed lips
    canvas.paint(box, canvas.cover(np.abs(down) - 0.01) * (side < 1) * (0.85 * seam), _shade(who.lips, 0.45))
    dark, y = _shade(who.skin, 0.5), y + corner
    canvas.ellipse((half + 0.06, y - 0.01), (0.04, 0.08), dark, opacity=0.9 * au["AU14"], blur=0.03, both=True)
    for start, end, opacity, sag in (
            ((half + 0.01, y), (half + 0.04, y + 0.1), 0.7 * au["AU15"], 0.0),
            ((half + 0.02, y - 0.06), (half + 0.02, y + 0.08), 0.65 * au["AU20"], -0.03),
            ((0.05, 0.33), (0.09, 0.38), 0.6 * au["AU23"], 0), ((0, y + 0.12), (half, y + 0.1), 0.6 * au["AU23"], 0)):
        canvas.line(start, end, 0.02, dark, opacity=opacity, sag=sag, both=True)
    if who.beard in ("full", "moustache"):
        top = 0.4 - 0.5 * above
        canvas.line((0.015, top - 0.03), (half * 0.9, top + corner * 0.8), 0.034, who.hair, sag=-0.015, both=True)


def _hair(canvas: Canvas, who: Identity, _: Units) -> None:
    if who.style == "bald":
        return canvas.ellipse((-0.16, -0.62), (0.14, 0.07), _shade(who.skin, 1.2), opacity=0.5, blur=0.1)
    box = canvas.box(-who.width - 0.12, -1.0, who.width + 0.12, 0.35)
    x, y, side = canvas.x[box], canvas.y[box], canvas.abs_x[box]
    outline = _outline(canvas, who, box, 0.8, grow=0.1 if who.style in ("curls", "long") else 0.06)
    strands = np.sin(x * 34 + y * 6)
    if who.style == "curls":
        outline -= np.sin(x * 19) * np.sin(y * 19) * 0.05
    line = {"curls": lambda: -0.58 + x * x * 1.5, "parting": lambda: -0.66 + (x + 0.22) ** 2 * 0.75,
            "fringe": lambda: -0.5 + strands * 0.012 + np.maximum(side - 0.42, 0) * 3,
            "long": lambda: -0.64 + side * side * 2.4}.get(who.style, lambda: -0.6 + (side * side) ** 2 * 2.6)()
    share = canvas.cover(np.maximum(outline, y - line))
    canvas.paint(box, share, _shade(who.hair, 0.87 + strands * 0.1 - (x + y) * 0.22) + 8)


def _glasses(canvas: Canvas, who: Identity, _: Units) -> None:
    if who.glasses == "none":
        return
    box = canvas.box(-0.52, -0.32, 0.52, 0.1)
    dx, dy = canvas.abs_x[box] - who.eye_x, canvas.y[box] + 0.11
    ring = np.hypot(dx, dy) - 0.19 if who.glasses == "round" else np.maximum(np.abs(dx) - 0.2, np.abs(dy) - 0.15)
    bridge = np.maximum(np.abs(dy + 0.04) - 0.012, dx + 0.19)
    canvas.paint(box, canvas.cover(ring) * 0.1, (235, 245, 255))
    canvas.paint(box, canvas.cover(np.minimum(np.abs(ring) - 0.014, bridge)) * 0.9, (42, 38, 48))

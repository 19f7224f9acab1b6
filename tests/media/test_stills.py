"""Still images as clips of one frame: what a viewer shows, or one sentence."""

import io

import numpy as np
import pytest
from makers import make_item
from PIL import Image

from vaer.config import ClipConfig
from vaer.data.windows import evaluation_window
from vaer.errors import MediaError
from vaer.media import media, stills
from vaer.media.probe import probe
from vaer.records import Window

RED, GREEN = (200, 20, 30), (10, 180, 40)


def halves(width=64, height=48, left=RED, right=GREEN):
    """A frame whose left half has one colour and its right half another."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:, :width // 2], picture[:, width // 2:] = left, right
    return picture


def corner(picture, row, column):
    """Mean colour of the corner of a frame: 0 for top and left, -1 for bottom and right."""
    height, width = picture.shape[:2]
    rows, columns = ((slice(0, side // 4) if end == 0 else slice(-(side // 4), None))
                     for side, end in ((height, row), (width, column)))
    return picture[rows, columns].reshape(-1, 3).mean(axis=0)


@pytest.mark.parametrize(("name", "options"), [
    ("a.png", {}), ("a.PNG", {}), ("a.jpg", {"quality": 95}), ("a.JPEG", {"quality": 95}),
    ("a.webp", {"lossless": True}),    ("12:30 \u00e9.webp", {"quality": 95})])
def test_a_still_is_one_frame_without_sound(tmp_path, name, options):
    path = str(tmp_path / name)
    Image.fromarray(halves()).save(path, **options)
    facts = probe(path)
    assert (facts.width, facts.height, facts.frame_times.tolist(), facts.has_audio) == (64, 48, [0.0], False)
    assert facts.duration_s == 0.04
    window = evaluation_window((0.0, facts.duration_s), ClipConfig(num_frames=8, size=32), 0, 1)
    clip = media.decode(make_item(path), window, size=32)
    assert clip.frames.shape == (8, 32, 32, 3)
    assert (clip.frames == clip.frames[0]).all()
    assert clip.frame_times.tolist() == [0.0] * 8
    assert clip.waveform is None
    # The middle 48 of 64 columns: half of them red, half green.
    np.testing.assert_allclose(corner(clip.frames[0], 0, 0), RED, atol=8)
    np.testing.assert_allclose(corner(clip.frames[0], -1, -1), GREEN, atol=8)


@pytest.mark.parametrize(("orientation", "places"), [
    # Where the left half of what is stored is shown, by EXIF 2.3, 4.6.4: two corners.
    (1, [(0, 0), (-1, 0)]), (2, [(0, -1), (-1, -1)]), (3, [(0, -1), (-1, -1)]), (4, [(0, 0), (-1, 0)]),
    (5, [(0, 0), (0, -1)]), (6, [(0, 0), (0, -1)]), (7, [(-1, 0), (-1, -1)]), (8, [(-1, 0), (-1, -1)])])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_every_orientation_is_turned_upright(tmp_path, orientation, places, name):
    path, exif = str(tmp_path / name), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(halves()).save(path, exif=exif, **({} if name == "a.png" else {"quality": 95}))
    picture = stills.read_still(path)
    size = (48, 64) if orientation > 4 else (64, 48)
    assert picture.shape[1::-1] == size == stills.size_of(path)
    for row, column in places:
        np.testing.assert_allclose(corner(picture, row, column), RED, atol=10)


def sixteen_bits(path):
    """Grey of 16 bits: black, and three quarters of white, 49152 / 65535."""
    values = np.zeros((48, 64), np.uint16)
    values[:, 32:] = 49152
    Image.fromarray(values).save(path)


def one_bit(path):
    Image.fromarray(halves(left=(0, 0, 0), right=(255, 255, 255))).convert("1").save(path)


def with_alpha(path):
    rgba = np.dstack([halves(), np.zeros((48, 64), np.uint8)])
    rgba[:, 32:, 3] = 255
    Image.fromarray(rgba).save(path, **({"lossless": True, "exact": True} if str(path).endswith("webp") else {}))


def with_palette(path):
    image = Image.fromarray(halves()).quantize(2)
    image.info["transparency"] = image.getpixel((0, 0))
    image.save(path, transparency=image.info["transparency"])


def cmyk(path):
    Image.fromarray(halves()).convert("CMYK").save(path, quality=95)


@pytest.mark.parametrize(("write", "name", "left", "right"), [
    (sixteen_bits, "a.png", (0, 0, 0), (191, 191, 191)),  # 49152 / 257 = 191.25
    (one_bit, "a.png", (0, 0, 0), (255, 255, 255)),
    (lambda path: Image.fromarray(halves(left=(90,) * 3, right=(200,) * 3)).convert("L").save(path), "a.png",
     (90, 90, 90), (200, 200, 200)),
    (lambda path: Image.fromarray(halves(left=(90,) * 3, right=(200,) * 3)).convert("LA").save(path), "a.png",
     (90, 90, 90), (200, 200, 200)),
    (with_alpha, "a.png", (0, 0, 0), GREEN), (with_alpha, "a.webp", (0, 0, 0), GREEN),
    (with_palette, "a.png", (0, 0, 0), GREEN), (cmyk, "a.jpg", RED, GREEN)])
def test_odd_kinds_are_shown_as_a_viewer_shows_them(tmp_path, write, name, left, right):
    path = str(tmp_path / name)
    write(path)
    picture = stills.read_still(path)
    assert picture.dtype == np.uint8
    assert picture.shape == (48, 64, 3)
    np.testing.assert_allclose(corner(picture, 0, 0), left, atol=10)
    np.testing.assert_allclose(corner(picture, 0, -1), right, atol=10)


def cut_off(path, kind):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(whole, kind)
    path.write_bytes(whole.getvalue()[:len(whole.getvalue()) // 2])


def animated(path, kind):
    frames = [Image.fromarray(halves()), Image.fromarray(halves(left=GREEN))]
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=100)


@pytest.mark.parametrize(("name", "write", "said"), [
    ("a.png", lambda path: cut_off(path, "PNG"), "does not decode to its end"),
    ("a.jpg", lambda path: cut_off(path, "JPEG"), "does not decode to its end"),
    ("a.webp", lambda path: cut_off(path, "WEBP"), "(is damaged|does not decode)"),
    ("a.webp", lambda path: animated(path, "WEBP"), "is an animation of 2 frames"),
    ("a.png", lambda path: animated(path, "PNG"), "is an animation of 2 frames"),
    ("a.png", lambda path: path.write_bytes(b""), "is empty"),
    ("a.jpg", lambda path: path.write_bytes(b"\x00" * 500), "is no image of its ending or is damaged"),
    ("a.png", lambda path: path.write_text("<!doctype html><html>"), "is a web page"),
    ("a.png", lambda path: None, "cannot be opened"),
    ("a.png", lambda path: path.mkdir(), "is no file")])
def test_what_is_no_whole_still_is_one_sentence(tmp_path, name, write, said):
    path = tmp_path / name
    write(path)
    with pytest.raises(MediaError, match=said) as raised:
        media.decode(make_item(path), Window(0.0, 0.04, np.zeros(2), 1.0), size=32)
    assert str(raised.value).startswith(f"{path}: ")


def test_an_image_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    path = str(tmp_path / "a.png")
    Image.fromarray(halves()).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # 3072 are more than twice that
    with pytest.raises(MediaError, match="has too many pixels"):
        probe(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # Pillow warns here, and reads
    assert stills.read_still(path).shape == (48, 64, 3)


def test_stills_are_known_by_their_ending():
    assert [stills.is_still(name) for name in ("a.png", "B.JPG", "c.webp", "d.mp4", "png", "e.gif")] == [
        True, True, True, False, False, False]

"""Damaged files: one error type with path and reason, within seconds, whatever the decoder would do."""

import multiprocessing
import re
import struct
import time

import numpy as np
import pytest
from makers import make_item, shared, tone, write_video, write_wav

from vaer.data.files import MEDIA_ENDINGS
from vaer.errors import MediaError
from vaer.media import media
from vaer.records import Window

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def write_sound_video(path, **options):
    return write_video(path, frames=30, size=(48, 64), sound=tone(3.0, 48_000)[None], **options)


def read(path, end_s=3.0):
    """Probe and decode, as a dataset does."""
    end_s = min(end_s, media.probe(str(path)).duration_s)
    return media.decode(make_item(path), Window(0.0, end_s, np.linspace(0, end_s - 0.01, 8)), size=32)


def refused(path, reason=None):
    started = time.monotonic()
    with pytest.raises(MediaError, match=reason) as caught:
        read(path)
    assert time.monotonic() - started < 5
    assert str(caught.value).startswith(f"{path}: ")


def read_as_worker(path, answer):
    """In a process of its own, where decord is trusted under an alarm."""
    try:
        read(path)
        answer.send("read")
    except MediaError as error:
        answer.send(str(error))


@pytest.mark.parametrize("in_worker", [False, True])
@pytest.mark.parametrize("tenths", range(1, 10))
@pytest.mark.parametrize("faststart", [False, True])
def test_a_cut_off_mp4(tmp_path, tenths, faststart, in_worker):
    """With its index at the end nothing is left to read; with it in front decord would look for frames for long."""
    options = {"movflags": "faststart"} if faststart else None
    path = write_sound_video(tmp_path / "cut \u00e9.mp4", options=options)
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) * tenths // 10])
    reason = r"is cut off: its header counts 30 frames and \d+ are there|cannot be decoded"
    if not in_worker:
        refused(path, reason)
        return
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=read_as_worker, args=(path, send))
    process.start()
    process.join(10)
    assert process.exitcode == 0
    assert re.search(reason, receive.recv())


@pytest.mark.parametrize(("name", "content", "reason"), [
    *[(f"empty{ending}", b"", "is empty") for ending in MEDIA_ENDINGS],
    *[(f"pointer{ending}", LFS, "is a git-lfs pointer, .*git lfs pull") for ending in MEDIA_ENDINGS],
    ("page.mp4", b"<!DOCTYPE html><html>", "is a web page"),
    ("text.mp4", b"not a file at all, whatever the ending says\n" * 9, "cannot be decoded"),
    ("zeros.wav", bytes(4096), "cannot be decoded"), ("noise.mkv", bytes(range(256)) * 20, "cannot be decoded")])
def test_what_is_no_recording(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, reason)


def test_a_wrong_ending_does_not_matter_where_the_content_is_sound(tmp_path):
    path = write_wav(tmp_path / "really wav.mp4", tone(1.0))
    clip = read(path)
    assert clip.frames is None
    assert len(clip.waveform) == 16_000


def test_zero_frames_a_second(tmp_path):
    """The table of durations says 0 for every frame: all are shown at once."""
    path = write_video(tmp_path / "zero.mp4", frames=30)
    content = bytearray(path.read_bytes())
    at = content.index(b"stts") + 8
    [entries] = struct.unpack_from(">I", content, at)
    for entry in range(entries):
        struct.pack_into(">I", content, at + 4 + 8 * entry + 4, 0)
    content[content.index(b"ctts"):content.index(b"ctts") + 4] = b"free"  # the order of display as well
    path.write_bytes(content)
    refused(path, r"shows all of its 30 frames at one time|presents nothing for any length of time")


def test_every_hundredth_byte_flipped(tmp_path):
    path = write_sound_video(tmp_path / "flipped.mp4")
    content = bytearray(path.read_bytes())
    for at in range(50, len(content), 100):
        content[at] ^= 0xFF
    path.write_bytes(content)
    refused(path)


SOURCES = {"mp4": None, "ravdess_facecrop": "Actor_01/*.mp4", "cremad_video": "*.flv", "grid": "*.mpg",
           "ravdess_speech": "Actor_01/*-01.flac", "emodb": "audio/*.opus"}


@pytest.mark.parametrize("folder", SOURCES)
def test_flipped_bytes_are_read_or_refused_and_nothing_else(tmp_path, folder):
    """A codec hides damage inside of a frame, so not every flip can be seen; but none may crash or take long."""
    source = write_sound_video(tmp_path / "whole.mp4")
    if SOURCES[folder] is not None:
        source = sorted(shared(folder).glob(SOURCES[folder]))[0]
    whole = source.read_bytes()
    rng = np.random.default_rng(0)
    refusals = 0
    for number in range(40):
        content = bytearray(whole)
        reach = len(content) if number % 2 else min(4000, len(content))  # everywhere, or in the header alone
        for at in rng.integers(0, reach, rng.choice([1, 10, 200])):
            content[at] ^= int(rng.integers(1, 256))
        path = tmp_path / f"{number}{source.suffix}"
        path.write_bytes(content)
        started = time.monotonic()
        try:
            clip = read(path)
        except MediaError:
            refusals += 1
        else:
            assert clip.frames is None or clip.frames.shape == (8, 32, 32, 3)
        assert time.monotonic() - started < 5
    assert refusals > 0


def test_an_flv_without_its_second_half(tmp_path):
    whole = sorted(shared("cremad_video").glob("*.flv"))[0].read_bytes()
    (tmp_path / "half.flv").write_bytes(whole[:len(whole) // 2])
    refused(tmp_path / "half.flv", r"is cut off: its header promises \d\.\d s and \d\.\d s are there")

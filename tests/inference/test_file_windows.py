import dataclasses

import numpy as np
import pytest
from makers import make_recipe, tone, write_video, write_wav

from vaer.errors import MediaError
from vaer.inference.file_windows import FaceCache, FileWindows
from vaer.inference.plan import make_plan
from vaer.inference.source import FileSource
from vaer.media.encode import encode_frames
from vaer.prepare import clip as prepare_clip
from vaer.prepare.clip import prepare_one
from vaer.prepare.faces import Face
from vaer.prepare.settings import PrepareConfig

PREPARATION = {"margin": 0.25, "size": 224, "fps": None, "silence_db": -70.0}
LEFT, RIGHT = Face(4.0, 20.0, 28.0, 44.0, 1.0), Face(36.0, 20.0, 60.0, 44.0, 2.0)


def rows(path, faces=None, *, preparation=None, video=True, audio=True, recipe=None):
    """The rows of a file in which `faces` (a list for each frame, or the same in all) are found."""
    plan = make_plan(recipe or make_recipe())
    file_windows = FileWindows(FileSource(str(path)), plan, preparation, video=video, audio=audio)
    count = len(file_windows.facts.frame_times)
    known = dict(enumerate(faces if faces and isinstance(faces[0], list) else [faces or []] * count))
    return list(file_windows.rows(FaceCache(known))), file_windows


def said(found):
    return [(row.facts["track"], row.facts["face"], row.facts["voice"], row.clip.frames is not None,
             row.clip.waveform is not None) for row in found]


@pytest.fixture
def film(tmp_path):
    return write_video(tmp_path / "a.mp4", sound=tone(2.0, 48_000)[None])


def test_one_face_has_the_voice_several_have_none(film):
    assert said(rows(film, [LEFT], preparation=PREPARATION)[0]) == [("face 1", "face", "voice", True, True)]
    assert said(rows(film, [LEFT, RIGHT], preparation=PREPARATION)[0]) == [
        ("face 1", "face", "not told whose", True, False), ("face 2", "face", "not told whose", True, False),
        ("voice", "several faces", "voice", False, True)]
    assert said(rows(film, [], preparation=PREPARATION)[0]) == [("voice", "no face", "voice", False, True)]
    assert said(rows(film)[0]) == [("scene", "scene", "voice", True, True)]


def test_what_is_absent_is_a_value(tmp_path):
    silent = write_video(tmp_path / "silent.mp4", sound=np.zeros((1, 96_000)))
    mute = write_video(tmp_path / "mute.mp4")
    audio = write_wav(tmp_path / "a.wav", tone(2.0))
    assert said(rows(silent)[0]) == [("scene", "scene", "silence", True, True)]
    assert said(rows(mute)[0]) == [("scene", "scene", "no voice", True, False)]
    assert said(rows(mute, [LEFT, RIGHT], preparation=PREPARATION)[0]) == [
        ("face 1", "face", "no voice", True, False), ("face 2", "face", "no voice", True, False),
        ("voice", "several faces", "no voice", False, False)]
    assert said(rows(mute, [], preparation=PREPARATION)[0]) == [("voice", "no face", "no voice", False, False)]
    assert said(rows(audio)[0]) == [("voice", "no frames", "voice", False, True)]


def test_a_branch_that_is_off_is_not_asked(film):
    assert said(rows(film, video=False)[0]) == [("voice", "not used", "voice", False, True)]
    assert said(rows(film, audio=False)[0]) == [("scene", "scene", "not used", True, False)]
    assert said(rows(film, [LEFT, RIGHT], preparation=PREPARATION, audio=False)[0]) == [
        ("face 1", "face", "not used", True, False), ("face 2", "face", "not used", True, False)]


def test_one_frame_is_answered(tmp_path):
    [row], file_windows = rows(write_video(tmp_path / "a.mp4", frames=1))
    assert row.clip.frames.shape[0] == 8
    assert file_windows.shots == [(0.0, pytest.approx(0.1))]


def test_no_face_goes_on_across_a_cut(tmp_path):
    path = tmp_path / "a.mp4"
    levels = [number // 10 * 15 for number in range(20)]
    frames = [np.full((64, 64, 3), 40 + level * 10, dtype=np.uint8) for level in levels]
    path.write_bytes(encode_frames(np.stack(frames), fps=10))
    found, file_windows = rows(path, [LEFT], preparation=PREPARATION)
    assert file_windows.shots == [(0.0, pytest.approx(1.0)), (pytest.approx(1.0), pytest.approx(2.0))]
    assert [(row.facts["shot"], row.facts["track"], row.facts["start_s"], row.facts["end_s"]) for row in found] == [
        (0, "face 1", 0.0, 1.0), (1, "face 2", 1.0, 2.0)]


def test_a_face_is_cropped_as_preparation_crops_it(tmp_path, monkeypatch):
    """The same boxes: what prediction shows the network is what training read of the prepared clip, but for H.264."""
    path = write_video(tmp_path / "in" / "a.mp4", frames=20, size=(64, 96), options={})
    moving = [[Face(10.0 + number, 12.0, 40.0 + number, 42.0, 1.0)] for number in range(20)]
    moving[7] = []
    boxes = iter(moving)
    monkeypatch.setattr(prepare_clip, "detect", lambda picture: next(boxes))
    settings = dataclasses.asdict(PrepareConfig(quality=0))
    facts = prepare_one(str(tmp_path / "in"), "a.mp4", str(tmp_path / "out"), "a.mp4", settings)
    clip = dataclasses.replace(make_recipe().clip, size=facts[7])  # as wide as the prepared clip
    recipe = make_recipe(clip=clip)
    [row], _ = rows(path, moving, preparation=PREPARATION, recipe=recipe)
    [prepared], _ = rows(tmp_path / "out" / "a.mp4", recipe=recipe)
    assert row.facts["quality"]["detected"] == 0.95
    np.testing.assert_allclose(row.clip.frame_times, prepared.clip.frame_times, atol=1e-4)
    difference = np.abs(row.clip.frames.astype(int) - prepared.clip.frames.astype(int))
    assert (difference.mean(), difference.max()) <= (1.5, 12)  # levels of 255


def test_frames_come_at_the_rate_of_the_preparation(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20, fps=10)
    found, file_windows = rows(path, [LEFT], preparation=PREPARATION | {"fps": 5.0})
    assert set(np.round(found[0].clip.frame_times * 5, 6) % 1) == {0.0}
    assert len(file_windows._kept()[0]) == 10


def test_what_was_found_before_is_not_looked_for_again(film, monkeypatch):
    from vaer.inference import file_windows as module

    looked = []
    monkeypatch.setattr(module, "detect", lambda picture: looked.append(picture.shape) or [LEFT])
    memory = FaceCache({0: [LEFT], 1: [LEFT]})
    file_windows = FileWindows(FileSource(str(film)), make_plan(make_recipe()), PREPARATION, video=True, audio=True)
    list(file_windows.rows(memory))
    assert looked == [(64, 64, 3)] * 18
    assert [number for number, _ in memory.take()] == list(range(2, 20))
    assert memory.take() == []


def test_a_damaged_file_is_named(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20, size=(128, 128), sound=None)
    content = bytearray(path.read_bytes())
    at = content.find(b"mdat") + 900
    content[at:at + 400] = b"\0" * 400
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a.mp4"):
        rows(path)

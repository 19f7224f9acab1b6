import dataclasses

import numpy as np
from av import VideoFrame
from makers import make_recipe

from vaer.inference.plan import make_plan
from vaer.inference.shot import Shot, ShotFrame, as_prepared
from vaer.prepare.faces import Face

RATE = 10.0
PREPARATION = {"margin": 0.25, "size": 224}


def picture(number):
    """Blue tells the number, red the column, green the row."""
    rows, columns = np.mgrid[:60, :80]
    return np.stack([columns * 3, rows * 3, np.full((60, 80), number)], axis=2).astype(np.uint8)


def face(x, y=30.0, side=20.0):
    return Face(x - side / 2, y - side / 2, x + side / 2, y + side / 2, 1.0)


def grey(number):
    """One level for each number, which compression keeps to three."""
    return np.full((60, 80, 3), 20 + number, np.uint8)


def answers(shot, faces, end_s, shown=picture):
    """Windows and what they show, of a frame for each list of faces."""
    found = []
    for number, boxes in enumerate(faces):
        held = shown(number) if shot.preparation is None else VideoFrame.from_ndarray(shown(number), format="rgb24")
        found += list(shot.add(ShotFrame(shot.start_s + number / RATE, held, boxes)))
    return found + list(shot.finish(end_s))


def make_shot(preparation=PREPARATION, start_s=0.0):
    clip = dataclasses.replace(make_recipe().clip, size=32)
    return Shot(0, start_s, make_plan(make_recipe(clip=clip)), rate=RATE, preparation=preparation, size=(80, 60),
                faces_before=2)


def test_a_scene_is_taken_whole_at_the_times_of_its_window():
    shot = make_shot(preparation=None, start_s=1.0)
    [(window, [track_frames])] = answers(shot, [[]] * 20, 3.0)
    assert (window.start_s, window.end_s, track_frames.track, track_frames.detected) == (1.0, 3.0, "scene", None)
    # Eight times in the middle of eighths of two seconds, 0.125, 0.375, ...: of two frames as near the earlier.
    assert track_frames.frames[:, 0, 0, 2].tolist() == [1, 4, 6, 9, 11, 14, 16, 19]
    np.testing.assert_allclose(track_frames.frame_times, track_frames.frames[:, 0, 0, 2] / 10, atol=1e-9)


def test_faces_are_cropped_each_for_itself_and_chance_is_none():
    shot = make_shot()
    boxes = [[face(20.0), face(55.0, side=24.0)] + [face(70.0, y=10.0, side=9.0)] * (number < 4)
             for number in range(20)]
    [(_, tracks)] = answers(shot, boxes, 2.0)  # the third was there in a fifth of the frames
    assert [track_frames.track for track_frames in tracks] == ["face 3", "face 4"]
    assert [track_frames.side for track_frames in tracks] == [30, 36]  # with a quarter more on every side
    assert tracks[0].frames.shape == (8, 32, 32, 3)
    for track_frames, left in zip(tracks, (20 - 15, 55 - 18), strict=True):
        assert abs(int(track_frames.frames[0, 16, 0, 0]) - 3 * left) <= 6
    assert {track_frames.detected for track_frames in tracks} == {1.0}


def test_a_face_that_is_seen_now_and_then_is_followed_and_its_share_is_told():
    [(_, [track_frames])] = answers(make_shot(), [[face(40.0)] * (number % 2) for number in range(20)], 2.0)
    assert track_frames.detected == 0.5
    assert [window for window, tracks in answers(make_shot(), [[]] * 20, 2.0) if tracks] == []


def test_a_long_shot_lets_go_of_its_frames_and_keeps_its_faces():
    shot = make_shot()
    found = answers(shot, [[face(20.0 + number / 10)] for number in range(200)], 20.0, shown=grey)
    assert [(window.start_s, window.end_s) for window, _ in found] == [(start, start + 2.0) for start in range(19)]
    assert {track_frames.track for _, tracks in found for track_frames in tracks} == {"face 3"}
    assert len(shot.held) < 80
    for window, [track_frames] in found:
        numbers = track_frames.frames[:, 16, 16].mean(axis=1) - 20
        np.testing.assert_allclose(numbers / RATE - window.start_s, track_frames.frame_times, atol=0.31)


def test_faces_are_compressed_as_preparation_does_it():
    squares = [np.roll(np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8), number, axis=1)
               for number in range(6)]
    times = np.arange(6) / 25 + 3
    found = {quality: as_prepared(iter(squares), times, 48, 16, {1, 4}, {"quality": quality, "gop": 3})
             for quality in (0, 51)}
    assert {tuple(found[quality]) for quality in found} == {(1, 4)}
    assert found[0][4].shape == (16, 16, 3)
    whole = VideoFrame.from_ndarray(squares[4], format="rgb24").to_ndarray(format="rgb24", width=16, height=16)
    lost = {quality: np.abs(found[quality][4].astype(int) - whole).mean() for quality in found}
    assert lost[0] < lost[51]

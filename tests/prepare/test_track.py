"""Tracks of hand-made detections; no detector is needed."""

import numpy as np
import pytest

from vaer.prepare.faces import Face
from vaer.prepare.track import Linker, Track, find_tracks, jitter, link

RATE = 30.0


def face(x, y=100.0, side=40.0, confidence=10.0):
    """A square face around (x, y)."""
    return Face(x - side / 2, y - side / 2, x + side / 2, y + side / 2, confidence)


def test_a_still_face_is_a_still_square():
    [track] = find_tracks([[face(60, confidence=10)], [face(60, confidence=20)], [face(60, confidence=30)]], RATE)
    np.testing.assert_allclose(track.centres, [[60, 100]] * 3)
    np.testing.assert_allclose(track.sides, 40)
    assert track.detected.tolist() == [True] * 3
    assert track.confidence == 20


def test_the_square_holds_the_longer_side_of_the_box():
    [track] = find_tracks([[Face(10, 10, 40, 60, 1.0)]], RATE)
    np.testing.assert_allclose(track.centres, [[25, 35]])
    np.testing.assert_allclose(track.sides, 50)


def test_a_gap_is_bridged_by_a_straight_line_and_ends_are_held():
    [track] = link([[], [face(60)], [], [], [face(66, side=46)], []], RATE)
    assert track.centres[:, 0].tolist() == [60, 60, 62, 64, 66, 66]
    assert track.sides.tolist() == [40, 40, 42, 44, 46, 46]
    assert track.detected.tolist() == [False, True, False, False, True, False]


def test_an_outlier_leaves_no_trace():
    frames = [[face(60)] for _ in range(21)]
    frames[10] = [face(75, side=55)]  # less than half a side away and 1.4 times as large: it is linked
    [raw] = link(frames, RATE)
    assert raw.centres[10].tolist() == [75, 100]
    [track] = find_tracks(frames, RATE)
    np.testing.assert_allclose(track.centres, [[60, 100]] * 21)
    np.testing.assert_allclose(track.sides, 40)


def test_a_face_of_another_size_at_the_same_place_is_not_the_same():
    frames = [[face(60), face(60, side=100)] for _ in range(10)]
    assert [track.sides[0] for track in find_tracks(frames, RATE)] == pytest.approx([100, 40])


def test_two_faces_keep_apart_and_the_larger_comes_first():
    frames = [[face(60, side=30), face(200)] if number % 2 else [face(200), face(60, side=30)] for number in range(10)]
    large, small = find_tracks(frames, RATE)
    np.testing.assert_allclose(large.centres, [[200, 100]] * 10)
    np.testing.assert_allclose(small.centres, [[60, 100]] * 10)
    assert large.detected.all()
    assert small.detected.all()


def test_the_nearer_of_two_faces_continues_the_track():
    [track] = [track for track in link([[face(60)], [face(70), face(62)], [face(62)]], RATE) if track.detected.all()]
    assert track.centres[:, 0].tolist() == [60, 62, 62]


def test_what_is_found_by_chance_is_dropped():
    frames = [[face(60)] for _ in range(40)]
    for number in (3, 4, 5, 20, 33):
        frames[number] = [face(300, side=90), face(60)]
    [track] = find_tracks(frames, RATE)
    np.testing.assert_allclose(track.centres, [[60, 100]] * 40)


def test_a_face_that_jumps_away_begins_a_track_of_its_own():
    first, second = link([[face(60)]] * 12 + [[face(300)]] * 10, RATE)
    assert first.centres[:, 0].tolist() == [60] * 22
    assert second.centres[:, 0].tolist() == [300] * 22


@pytest.mark.parametrize(("frames_away", "tracks"), [(45, 1), (75, 2)])
def test_a_face_may_be_away_as_long_as_it_was_seen(frames_away, tracks):
    frames = [[face(60)]] * 60 + [[]] * frames_away + [[face(60)]] * 60
    assert len(link(frames, RATE)) == tracks


@pytest.mark.parametrize("frames", [[], [[]], [[], [], []], [[face(60)]] + [[]] * 9])
def test_no_face_that_lasts_is_no_track(frames):
    assert find_tracks(frames, RATE) == []


def test_jitter_is_removed_and_slow_movement_is_not():
    times = np.arange(120) / RATE
    slow = 100 + 30 * times  # 30 pixels a second
    trembling = slow + np.random.default_rng(0).normal(0, 1, 120)
    sides = 40 + np.random.default_rng(1).normal(0, 1, 120)
    frames = [[face(x, side=side)] for x, side in zip(trembling, sides, strict=True)]
    [raw], [track] = link(frames, RATE), find_tracks(frames, RATE)
    assert jitter(track) < jitter(raw) / 20
    inner = slice(20, -20)  # ends are held, so the smoothed track lags there
    np.testing.assert_allclose(track.centres[inner, 0], slow[inner], atol=1)
    np.testing.assert_allclose(track.sides, 40, atol=0.5)


def test_the_same_seconds_are_smoothed_at_every_frame_rate():
    def middle(rate):
        frames = [[face(100 + 8 * (second > 2))] for second in np.arange(round(4 * rate)) / rate]
        [track] = find_tracks(frames, rate)
        return track.centres[round(2.1 * rate), 0]

    assert middle(25) == pytest.approx(middle(100), abs=0.7)


def test_jitter_by_hand():
    still = Track(np.full((4, 2), 50.0), np.full(4, 10.0), np.ones(4, dtype=bool), 1.0)
    assert jitter(still) == 0
    moving = still._replace(centres=np.arange(8.0).reshape(4, 2), sides=np.arange(10.0, 14.0))
    assert jitter(moving) == 0
    # x is 0, 1, 0: its edges left and right bend by -2, top and bottom by 0; sqrt(8 / 4) / 10
    jumping = Track(np.array([[0, 0], [1, 0], [0, 0]]), np.full(3, 10.0), np.ones(3, dtype=bool), 1.0)
    assert jitter(jumping) == pytest.approx(2 ** 0.5 / 10)
    assert jitter(jumping._replace(centres=jumping.centres[:2], sides=jumping.sides[:2])) == 0


def test_what_is_forgotten_does_not_break_a_chain():
    linker, remembering = Linker(RATE), Linker(RATE)
    for number in range(60):
        faces = [face(60 + number)] + [face(300)] * (number < 5)
        linker.add(faces)
        remembering.add(faces)
        linker.forget_before(number - 5)
    [chain] = linker.alive
    assert sorted(chain.faces) == list(range(54, 60))  # from frame 59 - 5 on
    assert (chain.first, chain.last, chain.seen) == (0, 59, 60)
    assert linker.ended == []
    assert chain.faces[59] == remembering.chains[-1].faces[59]

from types import SimpleNamespace

import pytest
from makers import shared

from vaer.media import streams
from vaer.media.probe import probe
from vaer.media.streams import Flag


def stream(index, flags=0, kind="video", known=True, size=(64, 48)):
    return SimpleNamespace(index=index, disposition=flags, type=kind, codec_context=object() if known else None,
                           width=size[0], height=size[1])


def packets(one, count=100, hidden=0):
    return SimpleNamespace(stream=one, num_packets=count, hidden=[True] * hidden + [False] * (count - hidden))


@pytest.mark.parametrize(("made", "expected"), [
    ([(stream(0), 100), (stream(1), 100)], 0),
    ([(stream(0), 100), (stream(1, Flag.default), 100)], 1),
    ([(stream(0, Flag.default), 1), (stream(1), 100)], 1),
    ([(stream(0), 100), (stream(1, Flag.default), 1)], 0),
    ([(stream(0), 1), (stream(1, Flag.default), 1)], 1),
    ([(stream(0, Flag.default), 0), (stream(1), 100)], 1),
    ([(stream(0, Flag.default, known=False), 100), (stream(1), 100)], 1),
    ([(stream(0, Flag.default, size=(0, 0)), 100), (stream(1), 100)], 1),
    ([(stream(0, Flag.default | Flag.visual_impaired), 100), (stream(1, Flag.default), 100)], 1),
    ([(stream(0), 0)], 0), ([], None)])
def test_the_video_is_the_default_of_those_that_move(made, expected):
    assert streams.choose_video({one.index: packets(one, count) for one, count in made}) == expected


def test_a_stream_whose_frames_are_hidden_but_one_does_not_move():
    assert streams.choose_video({0: packets(stream(0, Flag.default), 10, hidden=9), 1: packets(stream(1))}) == 1


@pytest.mark.parametrize(("made", "counts", "expected"), [
    ([stream(1, kind="audio"), stream(2, kind="audio")], {1: 9, 2: 9}, 1),
    ([stream(1, kind="audio"), stream(2, Flag.default, "audio")], {1: 9, 2: 9}, 2),
    ([stream(1, kind="audio"), stream(2, Flag.default, "audio")], {1: 9}, 1),
    ([stream(1, Flag.comment, "audio"), stream(2, kind="audio")], {1: 9, 2: 9}, 2),
    ([stream(1, kind="audio", known=False), stream(2, kind="audio")], {1: 9, 2: 9}, 2),
    ([stream(1, kind="audio")], {}, 1), ([], {}, None)])
def test_the_sound_is_the_default_of_those_that_hold_some(made, counts, expected):
    assert streams.choose_audio(made, counts) == expected


@pytest.mark.parametrize(("name", "taken", "choice"), [
    ("two_pictures_equal_count.mp4", (0, 2), "takes video stream 0 of 0, 1"),
    ("thumbnail_track_first.mp4", (1, 2), "takes video stream 1 of 0, 1"),
    ("second_sound_is_default.mkv", (0, 2), "takes audio stream 2 of 1, 2"), ("plain_h264.mp4", (0, 1), "")])
def test_the_choice_is_known_of_a_file(name, taken, choice):
    facts = probe(str(shared("faults") / name))
    assert (facts.video_index, facts.audio_index) == taken
    assert facts.choice == choice

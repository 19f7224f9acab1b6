from typing import NamedTuple

import av
import numpy as np
import pytest
from makers import DECODERS, bar_codes, numbers_of, shared, write_bar_codes
from odd_makers import Film, Odd, Sound, write_odd

from vaer.media import decoders, media
from vaer.media.frames import mended, numbered
from vaer.media.packets import REORDER, Packets
from vaer.media.probe import probe
from vaer.media.readers import Request

NAN = np.nan


class Stamped(NamedTuple):
    """What `numbered` asks of a frame."""

    pts: int | None


def order(stamps, known):
    """The numbers of frames with these time stamps, in the order in which they are given out."""
    flow = ((Stamped(stamp), None) for stamp in stamps)
    return [number for number, _, _ in numbered(flow, None if known is None else np.array(known))]


@pytest.mark.parametrize(("stamps", "known", "expected"), [
    ([0, 10, 20], [0, 10, 20], [0, 1, 2]),
    ([0, 20, 10], [0, 10, 20], [0, 1, 2]),  # the last two exchanged
    ([20, 10, 0], [0, 10, 20], [0, 1, 2]),
    ([0, 20, 30], [0, 10, 20, 30], [0, 2, 3]),  # one does not come
    ([0, None, 5, 10], [0, 10], [0, 1]),  # two have no place
    ([0, 10, 0, 20], [0, 10, 20], [0, 1, 0, 2]),  # one comes twice
    ([7, 7, 7], None, [0, 1, 2])])
def test_frames_are_given_out_in_the_order_in_which_they_are_shown(stamps, known, expected):
    assert order(stamps, known) == expected


def test_no_more_frames_wait_than_codecs_hold_back():
    flow = ((Stamped(stamp), None) for stamp in range(1, 100))  # the first one never comes
    given = numbered(flow, np.arange(100))
    assert next(given)[0] == 1
    assert next(flow)[0].pts == REORDER + 2


@pytest.mark.parametrize(("times", "expected"), [
    ([NAN, NAN, 1.0, 1.5, 2.0], [0.0, 0.5, 1.0, 1.5, 2.0]),
    ([0.0, NAN, 1.0, 1.5, NAN], [0.0, 0.5, 1.0, 1.5, 2.0]),
    ([NAN, NAN, NAN], [7.0, 7.5, 8.0]),
    ([0.0, 1.0, 0.5, 1.5], [0.0, 0.5, 1.0, 1.5])])
def test_times_that_are_missing_or_stand_in_the_order_of_decoding(times, expected):
    assert mended(np.array(times), 0.5, start_s=7.0).tolist() == expected


def test_times_that_go_back():
    even = np.arange(40) / 4
    late, early, again = even.copy(), even.copy(), even.copy()
    late[17], early[22] = 90.0, -90.0
    again[25:] -= even[25]  # the clock starts again
    first = np.append(90.0, even[1:])
    for times in (late, early, again, first):
        np.testing.assert_allclose(mended(times, 0.25), even)


# Of videos of 250 numbered frames at 25 a second: when frame 0 is shown, seconds after the first thing presented.
FAULTS = {"plain_h264.mp4": 0.0, "two_pictures_equal_count.mp4": 0.0, "thumbnail_track_first.mp4": 0.0,
          "vp8_hidden_references.webm": 0.003, "packets_without_pts.mkv": 0.021, "windows_media.wmv": 0.043,
          "second_sound_is_default.mkv": 0.021}


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", FAULTS)
def test_every_frame_has_its_own_time_with_every_decoder(name, decoder):
    path = str(shared("faults") / name)
    times = probe(path).frame_times
    np.testing.assert_allclose(times, FAULTS[name] + np.arange(250) / 25, atol=0.002)
    for indices in (np.array([0, 1, 7, 30]), np.array([120, 121, 133]), np.array([230, 248, 249])):
        assert numbers_of(decoders.read(Request(path, indices, 96, 96), decoder)) == indices.tolist()


PECULIAR = {
    "superframes.webm": ("libvpx-vp9", {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "300k", "cpu-used": "8"}, 0.0),
    "interlaced.mp4": ("libx264", {"flags": "+ildct+ilme", "g": "25"}, 0.0),
    "open.mkv": ("libx264", {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0"}, 0.0),
    "part2.avi": ("mpeg4", {"bf": "2", "g": "12"}, 0.04), "h264.avi": ("libx264", {"bf": "0"}, 0.0),
    "h264b.avi": ("libx264", {"bf": "3"}, 0.04), "h264.ts": ("libx264", {"bf": "3", "g": "25"}, 0.0),
    "windows.wmv": ("wmv2", {"b": "500k"}, 0.0), "fields.ts": ("mpeg2video", {"bf": "2", "flags": "+ildct+ilme"}, 0.0)}


@pytest.mark.parametrize("name", PECULIAR)
def test_what_is_shown_when_in_files_whose_packets_are_not_their_frames(tmp_path, name):
    """AVI keeps no times: with frames that wait for others they are right to a frame."""
    codec, options, start_s = PECULIAR[name]
    path = str(write_bar_codes(tmp_path / name, codec=codec, **options))
    np.testing.assert_allclose(probe(path).frame_times, start_s + np.arange(100) / 25, atol=0.002)
    for decoder in ("auto", "pyav"):
        for indices in (np.array([0, 1, 7, 30]), np.array([60, 61, 77]), np.array([98, 99])):
            assert bar_codes(decoders.read(Request(path, indices, 128, 96), decoder)) == indices.tolist()


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_clock_that_starts_before_zero(tmp_path, decoder):
    path = tmp_path / "early.mkv"
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as output, \
            av.open(str(write_bar_codes(tmp_path / "a.mkv", bf="0", g="25"))) as source:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - 1300, packet.dts - 1300
                packet.stream = stream
                output.mux(packet)
    np.testing.assert_allclose(probe(str(path)).frame_times, np.arange(100) / 25, atol=0.002)
    for indices in (np.array([0, 20]), np.array([40, 41]), np.array([97, 99])):
        assert bar_codes(decoders.read(Request(str(path), indices, 128, 96), decoder)) == indices.tolist()


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_size_that_changes_midway_keeps_every_frame_in_its_proportions(decoder):
    path = str(shared("faults") / "size_changes.mkv")
    assert [shape[:2] for shape in probe(path).shapes] == [(640, 360), (320, 180)]
    large, small = media.read_frames(path, np.array([47, 48]), 90, decoder=decoder).astype(int)
    assert np.abs(large - small).mean() < 6  # the same shot, a frame later


def test_packets_that_are_frames_are_not_decoded(monkeypatch, tmp_path):
    """What was quick stays so: H.264 without fields, HEVC, VP8, VP9 and MPEG-1 in containers that keep times."""
    monkeypatch.setattr("vaer.media.frames.frames_of", lambda *_: pytest.fail("decoded"))
    for name, codec, options in (("a.mp4", "libx264", {"bf": "3"}), ("b.flv", "libx264", {"bf": "0"}),
                                 ("c.mkv", "libx265", {"x265-params": "log-level=none"}),
                                 ("e.webm", "libvpx-vp9", {"cpu-used": "8", "b": "300k"}), ("f.mpg", "mpeg1video", {})):
        assert len(probe(str(write_bar_codes(tmp_path / name, codec=codec, **options))).frame_times) == 100
    assert len(probe(str(shared("faults") / "vp8_hidden_references.webm")).frame_times) == 250
    for folder in ("ravdess_original", "ravdess_facecrop", "cremad_video", "grid"):
        assert len(probe(str(sorted(shared(folder).rglob("*.*"))[0])).frame_times) > 5


def test_a_stream_without_packets_has_no_frames():
    stream = av.open(str(shared("faults") / "plain_h264.mp4")).streams.video[0]
    packets = Packets(stream)
    assert (packets.num_packets, packets.stamps, packets.repeats()) == (0, [], False)


def test_a_codec_that_is_not_known_is_not_jumped_in(tmp_path):
    """decord 0.6 decodes some old ones into other colours, and counts right."""
    assert not probe(str(write_bar_codes(tmp_path / "a.mp4", codec="mpeg4", bf="0", g="12"))).seekable
    assert probe(str(write_bar_codes(tmp_path / "b.mp4", g="12"))).seekable


@pytest.mark.parametrize(("name", "streams"), [
    ("a.m2v", (Film("mpeg2video", frames=50),)),
    ("a.asf", (Film(options={"preset": "ultrafast"}, frames=50), Sound("pcm_s16le", seconds=2.0)))])
def test_stamps_that_ffmpeg_guesses_begin_with_the_first_frame(tmp_path, name, streams):
    """Raw streams name no start, and H.264 in Windows Media has times of decoding: the first frame was 40 ms late."""
    times = probe(str(write_odd(Odd(name, streams), tmp_path))).frame_times
    np.testing.assert_allclose(times, np.arange(50) / 25, atol=0.0011)

import struct

import av
import numpy as np
import pytest
from makers import shared, tone, write_audio, write_bar_codes, write_video

from vaer.errors import MediaError
from vaer.media.probe import probe, unchanging


def test_probe_counts_pictures_and_sound(tmp_path):
    path = write_video(tmp_path / "a b \u00e9.mp4", fps=10, frames=20, sound=tone(2.0, 48_000)[None])
    facts = probe(str(path))
    assert facts.duration_s == pytest.approx(2.0, abs=0.05)
    np.testing.assert_allclose(facts.frame_times, np.arange(20) / 10, atol=1e-3)
    assert (facts.width, facts.height, facts.has_audio) == (64, 64, True)


def test_probe_is_asked_again_when_the_file_changes(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=10)
    assert len(probe(str(path)).frame_times) == 10
    write_video(path, frames=20)
    assert len(probe(str(path)).frame_times) == 20


def test_a_file_is_taken_as_it_was_while_it_is_used(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=10)
    with unchanging():
        assert len(probe(str(path)).frame_times) == 10
        with unchanging():
            write_video(path, frames=20)
        assert len(probe(str(path)).frame_times) == 10
    assert len(probe(str(path)).frame_times) == 20
    with pytest.raises(MediaError, match="nowhere"), unchanging():
        probe("nowhere.mp4")
    write_video(path, frames=30)
    assert len(probe(str(path)).frame_times) == 30


def test_a_missing_file_is_named():
    with pytest.raises(MediaError, match=r"nowhere\.mp4: cannot be opened"):
        probe("nowhere.mp4")


def test_every_real_recording_is_whole():
    """No file of three corpora is taken for one that was cut off."""
    for folder, pattern in (("ravdess_original", "*/*.mp4"), ("ravdess_facecrop", "*/*.mp4"), ("cremad_video", "*"),
                            ("grid", "*"), ("emodb", "audio/*.opus")):
        for path in sorted(shared(folder).glob(pattern))[:60]:
            assert probe(str(path)).duration_s > 0.5


def test_where_decoding_may_begin(tmp_path):
    """Not where frames are shown across a key frame, or lead up to it, or lie in a container without an index."""
    closed = {"g": "12", "bf": "3"}
    assert probe(str(write_bar_codes(tmp_path / "closed.mp4", **closed))).seekable
    assert not probe(str(write_bar_codes(tmp_path / "closed.avi", **closed))).seekable
    crossed = {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0"}
    assert not probe(str(write_bar_codes(tmp_path / "open.mp4", **crossed))).seekable
    led_up_to = {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}
    assert not probe(str(write_bar_codes(tmp_path / "refresh.mp4", **led_up_to))).seekable


TURNS = {0: (False, False, False), 90: (True, False, True), 180: (False, True, True), -90: (True, True, False)}


@pytest.mark.parametrize("turn", TURNS)
def test_the_turn_of_a_phone_is_known(tmp_path, turn):
    path = write_video(tmp_path / "phone.mp4", frames=3, size=(48, 80), turn=turn)
    assert probe(str(path)).orientation == TURNS[turn]


def test_hidden_pictures_are_counted_where_they_come_last(tmp_path):
    assert probe(str(write_bar_codes(tmp_path / "first.mp4", frames=60, hidden=5))).num_hidden_after == 0
    original = shared("ravdess_original") / "Actor_01" / "01-01-01-01-01-01-01.mp4"
    facts = probe(str(original))
    assert (len(facts.frame_times), facts.num_hidden_after, facts.seekable) == (98, 1, True)


def test_a_late_clock_a_longer_second_track_and_a_guessed_duration_are_no_damage(tmp_path):
    late = write_video(tmp_path / "late.mkv", frames=20, times=list(range(10_000, 12_000, 100)))
    assert probe(str(late)).duration_s == pytest.approx(2.0)
    with av.open(str(tmp_path / "two.mkv"), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(2)]
        for stream, seconds in zip(streams, (1.0, 4.0), strict=True):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, round(16_000 * seconds)), np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    assert probe(str(tmp_path / "two.mkv")).duration_s == pytest.approx(1.0)
    parts = [write_audio(tmp_path / f"{bit_rate}.mp3", [(0.0, tone(4.0))], codec="libmp3lame", bit_rate=bit_rate,
                         options={"write_xing": "0"}).read_bytes() for bit_rate in (8_000, 64_000)]
    (tmp_path / "varies.mp3").write_bytes(b"".join(parts))
    assert probe(str(tmp_path / "varies.mp3")).duration_s == pytest.approx(8.0, abs=0.3)


def test_a_late_clock_does_not_hide_that_a_file_is_cut_off(tmp_path):
    content = bytearray(write_video(tmp_path / "a.mkv", frames=20, times=list(range(10_000, 12_000, 100))).read_bytes())
    at = content.index(b"\x44\x89\x88") + 3  # the duration, in ms as a double
    assert struct.unpack_from(">d", content, at) == (12_000.0,)
    struct.pack_into(">d", content, at, 2_000.0)  # from the start of the file, as other writers count
    (tmp_path / "b.mkv").write_bytes(content)
    assert probe(str(tmp_path / "b.mkv")).duration_s == pytest.approx(2.0)
    (tmp_path / "b.mkv").write_bytes(content[:len(content) * 6 // 10])
    with pytest.raises(MediaError, match=r"is cut off: its header promises 2\.0 s and \d\.\d s are there"):
        probe(str(tmp_path / "b.mkv"))


@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\x02\x00" + bytes(256)])
def test_an_mp3_that_counts_its_frames_is_seen_to_be_cut_off(tmp_path, tag):
    path = write_audio(tmp_path / "a.mp3", [(0.0, tone(4.0))], codec="libmp3lame", options={"id3v2_version": "0"})
    whole = tag + path.read_bytes()
    path.write_bytes(whole)
    assert probe(str(path)).duration_s == pytest.approx(4.0, abs=0.2)
    path.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(MediaError, match=r"is cut off: its header promises 4\.\d s and [12]\.\d s are there"):
        probe(str(path))

import re
from fractions import Fraction

import av
import numpy as np
import pytest
from makers import (
    DECODERS,
    make_item,
    numbers_of,
    shared,
    tone,
    write_audio,
    write_disc,
    write_marked,
    write_video,
    write_wav,
)

from vaer.media import media
from vaer.records import Window


def window(start_s, end_s, times, speed=1.0):
    return Window(start_s, end_s, np.asarray(times), speed)


def numbers(frames):
    """The number that each grey frame tells; encoding may move a grey by a level or two."""
    return (frames.reshape(len(frames), -1).mean(axis=1) / 8).round().astype(int).tolist()


def test_nearest_takes_the_earlier_of_two():
    shown_s = np.array([0.0, 0.1, 0.3])
    assert media.nearest(shown_s, np.array([-1.0, 0.04, 0.05, 0.06, 0.21, 9.0])).tolist() == [0, 0, 0, 1, 2, 2]
    assert media.nearest(np.array([0.5]), np.array([0.0, 2.0])).tolist() == [0, 0]


@pytest.mark.parametrize("decoder", DECODERS)
def test_pictures_are_chosen_by_time_not_by_number(tmp_path, decoder):
    # ten frames in the first second, then one every 500 ms: number 10 is shown at 1.0 s, 12 at 2.0 s
    times = [*range(0, 1000, 100), 1000, 1500, 2000, 2500]
    path = write_video(tmp_path / "variable.mp4", frames=14, times=times)
    clip = media.decode(make_item(path), window(0, 3, [0.0, 0.52, 1.1, 1.9, 2.4]), size=32, decoder=decoder)
    assert numbers(clip.frames) == [0, 5, 10, 12, 13]
    np.testing.assert_allclose(clip.frame_times, [0.0, 0.5, 1.0, 2.0, 2.5], atol=1e-3)
    assert clip.waveform is None


def test_times_count_from_the_start_of_the_window_and_follow_its_speed(tmp_path):
    path = write_video(tmp_path / "a.mp4", fps=10, frames=20, sound=tone(2.0, 48_000)[None])
    clip = media.decode(make_item(path), window(0.5, 1.7, [0.5, 1.1], speed=1.2), size=32)
    np.testing.assert_allclose(clip.frame_times, [0.0, 0.5], atol=1e-3)  # 0.6 s at 1.2 times the speed
    assert len(clip.waveform) == pytest.approx(16_000, abs=2)  # 1.2 s at 1.2 times the speed
    frequencies = np.abs(np.fft.rfft(clip.waveform[:16_000]))
    assert frequencies.argmax() == pytest.approx(440 * 1.2, abs=2)


@pytest.mark.parametrize(("height", "width"), [(64, 128), (90, 50), (33, 61)])
@pytest.mark.parametrize("decoder", DECODERS)
def test_pictures_are_the_middle_square(tmp_path, height, width, decoder):
    path = write_video(tmp_path / "a.mp4", frames=3, size=(height // 2 * 2, width // 2 * 2))
    frames = media.read_frames(str(path), np.array([2, 0]), size=24, decoder=decoder)
    assert frames.shape == (2, 24, 24, 3)
    assert numbers(frames) == [2, 0]


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_of_any_rate_becomes_16_khz_mono(tmp_path, rate, channels):
    path = write_wav(tmp_path / "a.wav", np.tile(tone(1.0, rate), (channels, 1)), rate)
    sound = media.read_waveform(str(path), 0.25, 0.75)
    assert sound.dtype == np.float32
    assert len(sound) == 8_000
    frequencies = np.abs(np.fft.rfft(sound))
    assert frequencies.argmax() == 220  # 440 Hz in bins of 2 Hz
    assert np.sqrt((sound ** 2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)  # channels do not add up


def test_sound_that_starts_late_keeps_its_time(tmp_path):
    path = write_video(tmp_path / "late.mp4", frames=20, sound=tone(1.0, 48_000)[None], sound_start_s=0.5)
    sound = media.read_waveform(str(path), 0.0, 1.5)
    loud = np.flatnonzero(np.abs(sound) > 0.1)
    assert loud[0] / 16_000 == pytest.approx(0.5, abs=0.03)  # within one AAC block


def test_sound_is_short_after_its_end_and_the_same_after_a_seek(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000)
    path = str(write_wav(tmp_path / "a.wav", noise))
    whole = media.read_waveform(path, 0.0, 9.0)
    assert len(whole) == 48_000
    np.testing.assert_array_equal(media.read_waveform(path, 2.5, 2.9), whole[40_000:46_400])
    assert len(media.read_waveform(path, 2.5, 9.0)) == 8_000


@pytest.mark.parametrize("start_s", [0.0, 1.2, 2.5])
def test_a_gap_in_the_sound_is_silent_and_what_follows_keeps_its_time(tmp_path, start_s):
    pieces = [(0.0, tone(1.0, hertz=300)), (2.0, tone(1.0, hertz=600))]
    sound = media.read_waveform(str(write_audio(tmp_path / "a.mkv", pieces, codec="pcm_s16le")), start_s, 9.0)
    expected = np.concatenate([pieces[0][1], np.zeros(16_000), pieces[1][1]])[round(16_000 * start_s):]
    assert len(sound) == len(expected)
    np.testing.assert_allclose(sound, expected, atol=1e-3)


def test_one_wrong_time_stamp_moves_nothing_else(tmp_path):
    path = write_audio(tmp_path / "a.mkv", [(0.0, tone(4.0))], codec="mp2", bit_rate=64_000)
    whole = media.read_waveform(str(path), 0.0, 4.0)
    content = bytearray(path.read_bytes())
    block = list(re.finditer(rb"\xa3.{1,4}?\x81(..)\x80", bytes(content), re.S))[20]  # simple blocks of track 1
    stamp_ms = int.from_bytes(block[1], "big")
    content[block.start(1):block.end(1)] = (stamp_ms + 1000).to_bytes(2, "big")
    (tmp_path / "b.mkv").write_bytes(content)
    sound = media.read_waveform(str(tmp_path / "b.mkv"), 0.0, 4.0)
    assert len(sound) == len(whole)
    # Amiss is the place of a block of 72 ms, and its neighbours' edges; the rest is late by a sample, as stamps round.
    assert 0 < (np.abs(sound - whole) > 0.1).mean() < 0.04


def test_sound_whose_channels_change_on_the_way_is_read(tmp_path):
    parts = [write_audio(tmp_path / f"{layout}.mp2", [(0.0, tone(1.0))], codec="mp2", layout=layout).read_bytes()
             for layout in ("mono", "stereo")]
    (tmp_path / "both.mp2").write_bytes(b"".join(parts))
    sound = media.read_waveform(str(tmp_path / "both.mp2"), 0.0, 9.0)
    assert len(sound) == pytest.approx(32_000, abs=3_200)
    for place in (8_000, 24_000):
        assert np.sqrt((sound[place:place + 1600] ** 2).mean()) == pytest.approx(0.354, abs=0.04)


def test_a_window_after_the_end_of_the_sound_has_none(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20, sound=tone(0.5, 48_000)[None])
    clip = media.decode(make_item(path), window(1, 2, [1.5]), size=32)
    assert clip.waveform is None
    assert numbers(clip.frames) == [15]


def test_late_sound_of_a_program_stream_is_that_of_the_whole():
    for path in sorted(shared("grid").glob("*.mpg"))[:3]:
        whole = media.read_waveform(str(path), 0.0, 2.5)
        for start_s in (1.1, 1.5, 2.2):
            part = media.read_waveform(str(path), start_s, 2.5)
            np.testing.assert_array_equal(part, whole[round(start_s * media.SAMPLE_RATE):])


def test_sound_comes_from_the_sibling(tmp_path):
    video = write_video(tmp_path / "a.mp4", frames=20)
    sound = write_wav(tmp_path / "b.wav", tone(2.0))
    clip = media.decode(make_item(video, audio_path=str(sound)), window(0, 1, [0.5]), size=32)
    assert len(clip.waveform) == 16_000
    assert numbers(clip.frames) == [5]
    without = media.decode(make_item(video, audio_path=None), window(0, 1, [0.5]), size=32)
    assert without.waveform is None


def test_unwanted_modalities_are_not_read(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20, sound=tone(2.0, 48_000)[None])
    assert media.decode(make_item(path), window(0, 1, [0.5]), size=32, video=False).frames is None
    assert media.decode(make_item(path), window(0, 1, [0.5]), size=32, audio=False).waveform is None


def test_sound_span_leaves_silence_out(tmp_path):
    sound = np.concatenate([np.zeros(8_000), tone(1.0), np.zeros(8_000)])
    path = str(write_wav(tmp_path / "a.wav", sound))
    assert media.audio_span(path, 40) == pytest.approx((0.5, 1.5), abs=0.021)
    silent = str(write_wav(tmp_path / "silent.wav", np.zeros(16_000)))
    assert media.audio_span(silent, 40) == pytest.approx((0.0, 1.0))


def test_real_recordings_of_every_container_are_read():
    for folder, name in (("ravdess_original/Actor_01", "01-01-08-01-01-02-01.mp4"), ("grid", "bbaf2n.mpg"),
                         ("cremad_video", "1001_DFA_ANG_XX.flv"), ("ravdess_speech/Actor_01", None)):
        path = shared(folder) / (name or "03-01-01-01-01-01-01.flac")
        facts = media.probe(str(path))
        clip = media.decode(make_item(path), window(0, facts.duration_s, [facts.duration_s / 2]), size=48)
        assert 1.5 < facts.duration_s < 6
        assert clip.waveform is not None
        assert len(clip.waveform) == pytest.approx(facts.duration_s * 16_000, rel=0.02)
        assert np.abs(clip.waveform).max() <= 1
        assert (clip.frames is None) == (path.suffix == ".flac")


@pytest.mark.parametrize(("turn", "corner"), [(90, (1, 0)), (180, (1, 1)), (-90, (0, 1))])
@pytest.mark.parametrize("decoder", DECODERS)
def test_turned_pictures_are_set_upright(tmp_path, turn, corner, decoder):
    """White in the upper left as filmed: a quarter turn against the clock brings it to the lower left."""
    path = write_video(tmp_path / "phone.mp4", frames=3, size=(48, 80), turn=turn)
    [picture] = media.read_frames(str(path), np.array([1]), size=24, decoder=decoder)
    white = np.argwhere(picture.reshape(2, 12, 2, 12, 3).mean(axis=(1, 3, 4)) > 128)
    assert white.tolist() == [list(corner)]


@pytest.mark.parametrize("fps", [5, 24, 60, 120])
@pytest.mark.parametrize("decoder", DECODERS)
def test_any_frame_rate(tmp_path, fps, decoder):
    path = write_video(tmp_path / "a.mp4", fps=fps, frames=30)
    whole = window(0, 30 / fps, [0.1 / fps, 10.2 / fps, 28.9 / fps])
    clip = media.decode(make_item(path), whole, size=32, decoder=decoder)
    assert numbers(clip.frames) == [0, 10, 29]
    assert media.probe(str(path)).duration_s == pytest.approx(30 / fps, abs=0.01)


@pytest.mark.parametrize("decoder", DECODERS)
def test_odd_sizes(tmp_path, decoder):
    path = write_video(tmp_path / "odd.mp4", frames=3, size=(77, 101), pix_fmt="yuv444p")
    frames = media.read_frames(str(path), np.array([0, 2]), size=33, decoder=decoder)
    assert frames.shape == (2, 33, 33, 3)
    assert numbers(frames) == [0, 2]


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_clip_shorter_than_asked_repeats_its_pictures(tmp_path, decoder):
    path = write_video(tmp_path / "short.mp4", fps=10, frames=2, sound=tone(0.2, 48_000)[None])
    clip = media.decode(make_item(path), window(0, 0.2, np.linspace(0, 0.19, 8)), size=32, decoder=decoder)
    assert numbers(clip.frames) == [0, 0, 1, 1, 1, 1, 1, 1]
    assert len(clip.waveform) == 3200
    one = write_video(tmp_path / "one.mp4", fps=10, frames=1)
    clip = media.decode(make_item(one), window(0, 0.1, [0.0, 0.09]), size=32, decoder=decoder)
    assert numbers(clip.frames) == [0, 0]


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 6)])
def test_any_layout_becomes_mono(tmp_path, layout, channels):
    sound = np.tile(tone(1.0, 48_000, level=0.25), (channels, 1))
    path = write_video(tmp_path / "a.mp4", frames=10, sound=sound, layout=layout)
    heard = media.read_waveform(str(path), 0.2, 0.8)
    assert np.abs(np.fft.rfft(heard)).argmax() == 264  # 440 Hz in 0.6 s
    assert 0.1 < np.sqrt((heard ** 2).mean()) < 0.3


def test_silent_sound_is_sound_and_no_sound_is_none(tmp_path):
    silent = write_video(tmp_path / "silent.mp4", frames=10, sound=np.zeros((1, 48_000)))
    clip = media.decode(make_item(silent), window(0, 1, [0.5]), size=32)
    assert not clip.waveform.any()
    assert len(clip.waveform) == 16_000
    mute = write_video(tmp_path / "mute.mp4", frames=10)
    assert media.decode(make_item(mute), window(0, 1, [0.5]), size=32).waveform is None


@pytest.mark.parametrize("decoder", DECODERS)
def test_pictures_that_start_late_keep_their_time(tmp_path, decoder):
    path = write_video(tmp_path / "late.mp4", frames=10, times=list(range(400, 1400, 100)),
                       sound=tone(1.4, 48_000)[None])
    clip = media.decode(make_item(path), window(0, 1.4, [0.0, 0.61, 1.3]), size=32, decoder=decoder)
    assert numbers(clip.frames) == [0, 2, 9]
    np.testing.assert_allclose(clip.frame_times, [0.4, 0.6, 1.3], atol=0.03)
    assert np.abs(clip.waveform[800:3200]).max() > 0.4  # the audio is there from the start


# What a player shows of a frame that is white in its upper left and grey in its upper right quarter, by the nine
# numbers of the display matrix (right and down on the screen for a step to the right, then for one down).
MATRICES = {(1, 0, 0, 1): "wg..", (-1, 0, 0, 1): "gw..", (1, 0, 0, -1): "..wg", (-1, 0, 0, -1): "..gw",
            (0, 1, 1, 0): "w.g.", (0, 1, -1, 0): ".w.g", (0, -1, 1, 0): "g.w.", (0, -1, -1, 0): ".g.w"}


@pytest.mark.parametrize(("ending", "matrix"), [
    *(("mp4", matrix) for matrix in MATRICES), ("mov", (0, 1, 1, 0)), ("mkv", (0, 1, -1, 0))])  # mkv: turns alone
@pytest.mark.parametrize("decoder", DECODERS)
def test_turned_and_mirrored_frames_are_as_a_player_shows_them(tmp_path, ending, matrix, decoder):
    path = write_marked(tmp_path / f"phone.{ending}", matrix)
    for picture in media.read_frames(str(path), np.array([1, 28]), size=24, decoder=decoder):
        levels = picture.reshape(2, 12, 2, 12, 3).mean(axis=(1, 3, 4)).ravel()
        assert "".join("w" if level > 200 else "g" if level > 80 else "." for level in levels) == MATRICES[matrix]


def test_a_mirrored_selfie_is_not_upside_down():
    path = shared("faults") / "mirrored_matrix.mp4"
    for decoder in ("auto", "pyav"):
        first, last = media.read_frames(str(path), np.array([5, 240]), 96, decoder=decoder)
        for picture, number in ((first, 5), (last, 240)):
            assert numbers_of(picture[None, :, ::-1]) == [number]
            np.testing.assert_allclose(picture[12, 84], (255, 0, 0), atol=30)  # red, filmed on the left


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("name", "codec", "ratio"), [
    ("a.mp4", "libx264", Fraction(16, 11)), ("b.mkv", "libx264", Fraction(8, 9)), ("c.mpg", "mpeg2video", None),
    ("d.ts", "mpeg2video", None), ("e.avi", "mpeg4", Fraction(12, 11)), ("f.mp4", "libx264", Fraction(1, 2))])
def test_pixels_that_are_not_square_become_so(tmp_path, decoder, name, codec, ratio):
    """A disc, squeezed as its pixels are wide, is round again."""
    aspect = ratio or Fraction(16 * 96, 9 * 128)  # MPEG-2 says how wide the whole frame is: 16:9
    path = write_disc(tmp_path / name, codec, aspect)
    for number in (1, 13):
        [picture] = media.read_frames(str(path), np.array([number]), 96, decoder=decoder)
        disc = picture.mean(axis=2) > 127
        wide, high = disc.any(axis=0).sum(), disc.any(axis=1).sum()
        assert abs(int(wide) - int(high)) <= 3
        assert disc.sum() == pytest.approx(np.pi / 4 * wide * high, rel=0.05)


def test_an_anamorphic_face_has_its_proportions():
    """720 x 576 with pixels 64:45 as wide as high is 1024 x 576 as shown."""
    path = str(shared("faults") / "anamorphic_64_45.mpg")
    with av.open(path) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24", width=1024, height=576)
    [picture] = media.read_frames(path, np.array([0]), 576)
    np.testing.assert_array_equal(picture, frame[:, 224:800])


def test_the_sound_that_the_file_names_as_its_own_is_heard():
    sound = media.read_waveform(str(shared("faults") / "second_sound_is_default.mkv"), 0.0, 9.0)
    assert np.sqrt((sound ** 2).mean()) > 0.05


def test_a_choice_of_streams_is_said_once(caplog):
    media.LOGGED_CHOICES.clear()
    path = shared("faults") / "two_pictures_equal_count.mp4"
    for _ in range(2):
        media.decode(make_item(path), window(0, 1, [0.5]), size=32)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: takes video stream 0 of 0, 1; files like it are not named again, `vaer check` names each"]

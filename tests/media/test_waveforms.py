"""Waveforms by value: what was written is what is heard, at its time, or the file is refused with the reason."""

import struct

import numpy as np
import pytest
from makers import noise, shared, tone, write_encoded, write_samples, write_wav
from odd_makers import Film, Odd, Sound, heard, write_odd
from scipy.signal import resample_poly

from vaer import errors
from vaer.errors import MediaError
from vaer.media import waveforms
from vaer.media.probe import probe
from vaer.media.waveforms import decode_waveform, read_waveform

WINDOWS = [(0.0, 1.0), (5.03, 5.4), (11.2, 11.9)]  # near the start, in the middle, far into the file


def shift_and_likeness(heard, written):
    """By how many samples a waveform is late, and its correlation with what was written, there."""
    size = 2 * max(len(heard), len(written))
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(written, size)), size)
    shift = (int(product.argmax()) + size // 2) % size - size // 2
    return shift, product.max() / np.sqrt((heard.astype(float) ** 2).sum() * (written ** 2).sum())


@pytest.mark.parametrize(("kind", "peak", "step"), [
    ("f4", 2.0, 1e-6), ("f8", 2.0, 1e-6), ("f4", 90.0, 1e-4), ("i2", 0.99, 2**-15), ("i4", 0.99, 1e-6),
    ("u1", 0.9, 2**-7)])
def test_samples_are_what_was_written_and_floats_may_go_beyond_full_scale(tmp_path, kind, peak, step):
    written = 2 * peak * noise(12.0)
    full = {"i2": 2**15, "i4": 2**31, "u1": 2**7}.get(kind, 1)
    samples = (written * full + 128 * (kind == "u1")).astype(kind)
    path = str(write_samples(tmp_path / "a.wav", samples[None]))
    for start_s, end_s in WINDOWS:
        heard = read_waveform(path, start_s, end_s)
        np.testing.assert_allclose(heard, written[round(start_s * 16_000):round(end_s * 16_000)], atol=1.01 * step)
    assert np.abs(read_waveform(path, 0, 12)).max() == pytest.approx(peak, abs=step)


def test_a_float_over_full_scale_keeps_its_peak_when_resampled(tmp_path):
    path = str(write_samples(tmp_path / "a.wav", tone(1.0, 48_000, level=2.0).astype("f4")[None], 48_000))
    assert np.abs(read_waveform(path, 0.2, 0.8)).max() == pytest.approx(2.0, rel=1e-3)
    assert np.abs(read_waveform(str(shared("faults") / "float_6db_over.wav"), 0, 2)).max() == 2.0


def test_integers_at_full_scale_stay_within_it(tmp_path):
    square = np.where(np.arange(48_000) // 100 % 2, 32767, -32768).astype("i2")
    heard = read_waveform(str(write_samples(tmp_path / "a.wav", square[None], 48_000)), 0, 1)
    assert np.abs(heard).max() == 1.0


@pytest.mark.parametrize(("value", "said"), [(np.nan, r"no number \(nan\)"), (np.inf, r"no number \(inf\)"),
                                             (-np.inf, r"no number \(-inf\)"), (32000.0, "reaches 32000")])
@pytest.mark.parametrize(("kind", "channels"), [("f4", 1), ("f8", 2), ("f4", 9)])
def test_what_is_no_sample_is_refused_with_its_moment(tmp_path, value, said, kind, channels):
    samples = np.tile(noise(6.0, 48_000), (channels, 1)).astype(kind)
    samples[-1, 3 * 48_000 + 24_000] = value
    path = str(write_samples(tmp_path / "a.wav", samples, 48_000))
    for start_s in (0.0, 2.9):
        with pytest.raises(MediaError, match=rf"{said} at 3\.500 s"):
            read_waveform(path, start_s, 6.0)
    assert len(read_waveform(path, 5.0, 6.0)) == 16_000  # what lies before the window is not its fault


def test_the_first_sample_that_is_no_number_is_named():
    with pytest.raises(MediaError, match=r"float_nan\.wav: .* that is no number \(nan\) at 0\.06"):
        read_waveform(str(shared("faults") / "float_nan.wav"), 0, 4)


@pytest.mark.parametrize("channels", [2, 3, 4, 6, 7, 9, 10, 11, 13, 15, 17, 24, 40, 65])
def test_channels_without_a_place_are_averaged(tmp_path, channels):
    rng = np.random.default_rng(channels)
    samples = rng.integers(-20_000, 20_000, (channels, 1600)).astype("i2")
    path = str(write_samples(tmp_path / "a.wav", samples))
    np.testing.assert_allclose(read_waveform(path, 0, 0.1), samples.mean(axis=0) / 2**15, atol=1e-7)
    assert probe(path).duration_s == pytest.approx(0.1)


# FFmpeg's weights of 5.1 are 1/sqrt 2 for left and right, 1 for the middle, 1/2 for the rear: scaled to add to 1.
SURROUND = np.array([0.5**0.5, 0.5**0.5, 1, 0, 0.5, 0.5]) / (2 * 0.5**0.5 + 1 + 1)


@pytest.mark.parametrize(("mask", "weights"), [
    (0x3, [0.5, 0.5]), (0x4, [1]), (0x1, [1]), (0x8, [1]),  # stereo; one channel alone, wherever it stands
    (0x30, [0.5, 0.5]), (0x5, [0.5, 0.5]), (0x600, [0.5, 0.5]),  # FFmpeg mixes no pairs behind, or left and middle
    (0x3F, SURROUND), (0x60F, SURROUND)])
def test_channels_with_places_have_stated_weights(tmp_path, mask, weights):
    samples = np.random.default_rng(0).uniform(-2, 2, (len(weights), 1600)).astype("f4")
    heard = read_waveform(str(write_samples(tmp_path / "a.wav", samples, mask=mask)), 0, 0.1)
    np.testing.assert_allclose(heard, np.asarray(weights) @ samples, atol=1e-6)


@pytest.mark.parametrize(("name", "codec", "layout", "rate"), [
    ("a.mp4", "aac", "7.1", 48_000), ("a.mka", "aac", "5.1", 48_000), ("a.mka", "libopus", "7.1", 48_000),
    ("a.flac", "flac", "7.1", 44_100), ("a.m4a", "alac", "7.1(wide)", 48_000), ("a.wav", "pcm_f32le", "7.1", 16_000),
    ("a.mka", "pcm_s16le", "hexadecagonal", 16_000), ("a.wv", "wavpack", "7.1", 44_100)])
def test_many_planes_are_read_without_a_crash(tmp_path, name, codec, layout, rate):
    """PyAV 18 walks past the end of eight planes; every channel holds the same, so that any weights give it again."""
    path = str(write_encoded(tmp_path / name, noise(2.0, rate), rate, codec, layout=layout))
    heard, truth = read_waveform(path, 0.5, 1.5), resample_poly(noise(2.0, rate), 16_000, rate)[8_000:24_000]
    shift, likeness = shift_and_likeness(heard, truth)
    assert abs(shift) <= 16
    assert likeness > 0.95
    assert np.abs(heard).std() == pytest.approx(np.abs(truth).std(), rel=0.35)  # the low-frequency channel is not heard


@pytest.mark.parametrize(("factors", "cancels"), [
    ([1, -1], True), ([1, -0.9], True), ([0.5, -0.5, 0.5, -0.5], True), ([1, 1], False), ([1, 0], False),
    ([1, 0.1], False), ([1], False), ([0, 0], False), ([1, -0.3], False)])
def test_channels_that_cancel_out_are_said_once_a_file(tmp_path, monkeypatch, factors, cancels):
    said = []
    monkeypatch.setattr(errors.log, "warning", said.append)
    path = str(write_samples(tmp_path / "a.wav", np.outer(factors, noise(2.0)).astype("f4")))
    assert decode_waveform(path, 0, 2).cancels == cancels
    for start_s in (0.0, 1.0):
        read_waveform(path, start_s, 2.0)
    assert said == [f"{path}: {waveforms.CANCELS}."] * cancels


def test_channels_with_nothing_in_common_do_not_cancel_out(tmp_path):
    for channels in (2, 6, 40):
        samples = np.stack([noise(1.0, seed=seed) for seed in range(channels)]).astype("f4")
        assert not decode_waveform(str(write_samples(tmp_path / f"{channels}.wav", samples)), 0, 1).cancels


@pytest.mark.parametrize(("name", "codec", "rate", "late", "like"), [
    ("a.wav", "adpcm_ima_wav", 48_000, 0, 0.999), ("a.wav", "adpcm_ima_wav", 8_000, 0, 0.98),
    ("a.wav", "adpcm_ms", 44_100, 0, 0.999), ("a.wav", "adpcm_yamaha", 22_050, 0, 0.999),
    ("a.wav", "g722", 16_000, 22, 0.99), ("a.wav", "g726", 8_000, 0, 0.98),
    ("a.wma", "wmav2", 44_100, 743, 0.9), ("a.au", "pcm_mulaw", 8_000, 0, 0.98), ("a.caf", "alac", 48_000, 0, 0.97),
    ("a.opus", "libopus", 48_000, 0, 0.99), ("a.aiff", "pcm_s24be", 22_050, 0, 0.96),
    ("a.flac", "flac", 44_100, 0, 0.96),
    ("a.mka", "aac", 48_000, 0, 0.96), ("a.3gp", "aac", 44_100, 0, 0.96), ("a.m2ts", "aac", 48_000, 341, 0.85)])
def test_every_moment_of_an_encoded_file_is_where_it_was(tmp_path, name, codec, rate, late, like):
    """`late` is the delay of encoder and decoder in samples of 16 kHz, where the container does not name it."""
    path = str(write_encoded(tmp_path / name, noise(12.0, rate), rate, codec, 96_000 if codec == "wmav2" else None))
    heard = read_waveform(path, 0, probe(path).duration_s)
    truth = resample_poly(noise(12.0, rate), 16_000, rate)
    assert len(heard) == pytest.approx(12 * 16_000, abs=4100)  # the last block of ADPCM is filled up
    for start_s, end_s in WINDOWS:
        part = read_waveform(path, start_s, end_s)
        place = slice(round(start_s * 16_000), round(end_s * 16_000))
        shift, likeness = shift_and_likeness(part, truth[place])
        assert abs(shift - late) <= 16, "within the milliseconds of the container's stamps"
        assert likeness > like - late / len(part)


@pytest.mark.parametrize(("name", "codec", "rate"), [("a.wav", "adpcm_ima_wav", 48_000), ("a.wav", "adpcm_ms", 44_100),
                                                     ("a.wav", "g722", 16_000), ("a.wav", "g726", 8_000)])
def test_codecs_that_write_differences_give_the_same_in_a_window_as_in_the_whole(tmp_path, name, codec, rate):
    path = str(write_encoded(tmp_path / name, noise(12.0, rate), rate, codec))
    whole = read_waveform(path, 0, 12)
    for start_s, end_s in WINDOWS:
        np.testing.assert_array_equal(read_waveform(path, start_s, end_s),
                                      whole[round(start_s * 16_000):round(end_s * 16_000)])


@pytest.mark.parametrize(("tag", "rate", "reason"), [
    (0x028F, 16_000, None), (0x028F, 8_000, "is G.722, which has 16000 samples a second, and its header says 8000"),
    (0x0065, 16_000, "is G.722 under a number that FFmpeg takes for G.726; convert it")])
def test_g722_is_right_or_refused(tmp_path, tag, rate, reason):
    codes = write_encoded(tmp_path / "a.g722", noise(2.0), 16_000, "g722").read_bytes()
    layout = struct.pack("<HHIIHHH", tag, 1, rate, 8_000, 1, 4, 0)
    content = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(codes)) + codes
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    if reason is None:
        assert shift_and_likeness(read_waveform(str(path), 0, 2), noise(2.0)) == (22, pytest.approx(1, abs=0.01))
    else:
        with pytest.raises(MediaError, match=reason):
            read_waveform(str(path), 0, 2)


@pytest.mark.parametrize(("codec", "rate", "late"), [
    ("g722", 16_000, 22), ("eac3", 48_000, 85), ("adpcm_ima_wav", 44_100, 0), ("adpcm_ms", 22_050, 0),
    ("wmav2", 44_100, 743), ("pcm_s16le", 44_100, 0), ("mp2", 48_000, 160), ("ac3", 48_000, 85)])
def test_sound_of_an_avi_is_counted_where_its_stamps_are_wrong(tmp_path, codec, rate, late):
    """Of G.722 and E-AC-3 FFmpeg puts every piece seconds behind the one before; of ADPCM it promises hours."""
    path = str(write_encoded(tmp_path / "a.avi", noise(12.0, rate), rate, codec, 96_000 if codec == "wmav2" else None))
    assert probe(path).duration_s == pytest.approx(12, abs=0.15)
    truth = resample_poly(noise(12.0, rate), 16_000, rate)
    for start_s, end_s in WINDOWS:
        part = read_waveform(path, start_s, end_s)
        shift, likeness = shift_and_likeness(part, truth[round(start_s * 16_000):round(end_s * 16_000)])
        assert abs(shift - late) <= 16
        assert likeness > 0.96 - late / len(part)


def test_stamps_that_do_not_fit_the_samples_are_refused(tmp_path, monkeypatch):
    path = str(write_encoded(tmp_path / "a.avi", noise(4.0), 16_000, "g722"))
    monkeypatch.setattr(waveforms, "_counts_blocks", lambda *_: False)
    with pytest.raises(MediaError, match="the time stamps of its audio do not fit its samples"):
        read_waveform(path, 0, 24)


def test_windows_media_and_adpcm_are_read_to_their_end():
    reference = read_waveform(str(shared("faults") / "plain_h264.mp4"), 0, 10)
    for name, late in (("windows_media.wmv", 683), ("adpcm_ima.wav", 0)):  # the film of the wmv is late by as much
        path = str(shared("faults") / name)
        assert len(read_waveform(path, 0, 99)) >= 160_000
        for start_s in (0.0, 5.0, 9.0):
            part = read_waveform(path, start_s, start_s + 1)
            place = round(start_s * 16_000)
            shift, likeness = shift_and_likeness(part, reference[place:place + 16_000])
            assert abs(shift - late) <= 12
            assert likeness > 0.9


def test_a_seek_into_stamps_that_are_not_there_starts_over(tmp_path, monkeypatch):
    path = str(write_wav(tmp_path / "a.wav", noise(6.0)))
    whole = read_waveform(path, 0, 6)
    frames, starts = waveforms._decoded, []

    def without_stamps(container, stream, at_s):
        starts.append(at_s)
        for frame in frames(container, stream, at_s):
            frame.pts = None
            yield frame

    monkeypatch.setattr(waveforms, "_decoded", without_stamps)
    np.testing.assert_array_equal(read_waveform(path, 4.0, 5.0), whole[64_000:80_000])
    assert starts == [3.0, None]


def test_a_container_that_leads_nowhere_is_read_from_the_start(tmp_path):
    """FFmpeg writes RealMedia without an index, and cannot seek in it; AC-3 comes 256 of 48,000 samples late."""
    path = str(write_odd(Odd("a.rm", (Film("rv20", frames=100), Sound("ac3", seconds=4.0))), tmp_path))
    shift, likeness = shift_and_likeness(read_waveform(path, 3.0, 4.0), heard(Sound())[48_000:64_000])
    assert abs(shift - 85) <= 2
    assert likeness > 0.95

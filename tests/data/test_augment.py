import numpy as np
import pytest

from vaer.config import AugmentConfig
from vaer.data.augment import add_reverb, augment_frames, augment_waveform, changed_levels, draw_size
from vaer.media.formants import shift_formants


def test_zoom_draws_sizes_up_to_its_factor():
    sizes = {draw_size(100, AugmentConfig(zoom=1.2), np.random.default_rng(seed)) for seed in range(200)}
    assert min(sizes) in (100, 101)
    assert max(sizes) in (119, 120)
    assert draw_size(100, AugmentConfig(), np.random.default_rng(0)) == 100


def test_a_clip_is_mirrored_whole():
    frames = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    np.testing.assert_array_equal(augment_frames(frames, 4, AugmentConfig(flip=1.0), np.random.default_rng(0)),
                                  frames[:, :, ::-1])
    np.testing.assert_array_equal(augment_frames(frames, 4, AugmentConfig(flip=0.0), np.random.default_rng(0)), frames)


def test_all_pictures_of_a_clip_are_cut_at_one_place():
    frames = np.tile(np.arange(36, dtype=np.uint8).reshape(1, 6, 6, 1), (3, 1, 1, 3))
    cut = augment_frames(frames, 4, AugmentConfig(flip=0.0), np.random.default_rng(1))
    assert cut.shape == (3, 4, 4, 3)
    assert (cut == cut[:1]).all()


def test_brightness_moves_levels_within_its_bounds():
    frames = np.full((1, 2, 2, 3), 100, dtype=np.uint8)
    config = AugmentConfig(flip=0.0, brightness=0.2)
    levels = [augment_frames(frames, 2, config, np.random.default_rng(seed))[0, 0, 0, 0] for seed in range(100)]
    # (100 - 127.5) * (0.8 to 1.2) + 127.5 * (0.8 to 1.2)
    assert 69 <= min(levels) < 85 < 115 < max(levels) <= 131


def test_every_frame_of_a_clip_changes_alike_and_as_drawn():
    frames = np.stack([np.full((8, 8, 3), level, dtype=np.uint8) for level in (20, 120, 220)])
    frames[1, :4] = 220
    config = AugmentConfig(flip=0.5, brightness=0.4, color=0.3)
    for seed in range(20):
        by_hand = np.random.default_rng(seed)
        top, left = by_hand.integers(0, 4), by_hand.integers(0, 4)
        flip = by_hand.uniform() < 0.5
        (contrast, brightness), tints = (1 + width * by_hand.uniform(-1, 1, size=size)
                                         for width, size in ((0.4, 2), (0.3, 3)))
        cut = frames[:, top:top + 5, left:left + 5][:, :, ::-1 if flip else 1]
        table = changed_levels(contrast, brightness, tints)
        rng = np.random.default_rng(seed)
        changed = augment_frames(frames, 5, config, rng)
        np.testing.assert_array_equal(changed, np.stack([table[c][cut[..., c]] for c in range(3)], axis=-1))
        assert rng.uniform() == by_hand.uniform()  # what is drawn next, for the audio, stays the same
        assert changed.flags.c_contiguous
        assert changed.flags.writeable


@pytest.mark.parametrize("brightness", [0.0, 0.3])
def test_frames_of_any_memory_layout_and_number_are_taken(brightness):
    config = AugmentConfig(flip=1.0, brightness=brightness)
    frames = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3), dtype=np.uint8)
    turned = augment_frames(np.rot90(frames, 2, axes=(1, 2)), 6, config, np.random.default_rng(1))
    upright = augment_frames(frames, 6, config, np.random.default_rng(1))
    np.testing.assert_array_equal(turned, upright[:, ::-1, ::-1])
    assert augment_frames(frames[:0], 4, config, np.random.default_rng(1)).shape == (0, 4, 4, 3)


def test_gain_stays_within_its_decibels():
    waveform = np.ones(10, dtype=np.float32)
    levels = [augment_waveform(waveform, AugmentConfig(gain_db=6), np.random.default_rng(seed))[0]
              for seed in range(100)]
    assert 0.5 <= min(levels) < 0.6
    assert 1.8 < max(levels) <= 2.0  # 6 dB is a factor of 1.995


def test_noise_is_measured_against_the_clip():
    waveform = np.zeros(16_000, dtype=np.float32)
    waveform[::2] = 0.1  # root mean square 0.0707
    for seed in range(20):
        noisy = augment_waveform(waveform, AugmentConfig(noise_db=-20), np.random.default_rng(seed))
        assert noisy.dtype == np.float32
        assert 0.0707e-2 * 0.9 < np.std(noisy - waveform) < 0.0707e-1 * 1.05  # -40 to -20 dB
    np.testing.assert_array_equal(augment_waveform(waveform, AugmentConfig(), np.random.default_rng(0)), waveform)


@pytest.mark.parametrize("size", [0, 1, 50])
def test_hardly_any_sound_is_no_error(size):
    config = AugmentConfig(noise_db=-10, pitch=2, formants=0.2, reverb_s=0.5)
    sound = augment_waveform(np.zeros(size, dtype=np.float32), config, np.random.default_rng(0))
    assert sound.shape == (size,)
    assert np.isfinite(sound).all()


def test_pitch_changes_within_its_semitones_and_length_and_level_do_not():
    seconds = np.arange(32_000) / 16_000
    waveform = (0.3 * np.sin(2 * np.pi * 220 * seconds)).astype(np.float32)
    found = []
    for seed in range(12):
        shifted = augment_waveform(waveform, AugmentConfig(pitch=3), np.random.default_rng(seed))
        assert (shifted.shape, shifted.dtype) == (waveform.shape, np.float32)
        middle = shifted[8_000:24_000]
        assert middle.std() == pytest.approx(waveform.std(), rel=0.02)
        found.append(12 * np.log2(np.abs(np.fft.rfft(middle)).argmax() / 220))
    wanted = [3 * np.random.default_rng(seed).uniform(-1, 1) for seed in range(12)]
    assert found == pytest.approx(wanted, abs=0.1)  # one hertz is 0.08 semitones of 220


def test_resonances_change_as_drawn_within_their_bounds():
    waveform = np.random.default_rng(5).standard_normal(16_000).astype(np.float32)
    for seed in range(5):
        factor = 1 + 0.2 * np.random.default_rng(seed).uniform(-1, 1)
        changed = augment_waveform(waveform, AugmentConfig(formants=0.2), np.random.default_rng(seed))
        np.testing.assert_array_equal(changed, shift_formants(waveform, factor))


def test_a_room_answers_a_pulse_as_polack_says():
    pulse = np.zeros(16_000, dtype=np.float32)
    pulse[100] = 1
    answer = add_reverb(pulse, 0.5, 6.0, np.random.default_rng(0))
    assert answer.dtype == np.float32
    assert answer[:100] == pytest.approx(0, abs=1e-6)
    assert answer[100] == pytest.approx(1, abs=1e-6)
    echoes = answer[101:101 + 8_000].astype(np.float64)
    assert 10 * np.log10((echoes ** 2).sum()) == pytest.approx(-6, abs=0.01)
    levels = 10 * np.log10((echoes.reshape(10, 800) ** 2).mean(axis=1))
    assert np.diff(levels).mean() == pytest.approx(-6, abs=0.3)  # 60 dB in ten parts of 0.05 s
    assert answer[101 + 8_000:] == pytest.approx(0, abs=1e-6)
    assert add_reverb(pulse, 0.0, 6.0, np.random.default_rng(0)) == pytest.approx(pulse, abs=1e-6)


def test_the_same_generator_gives_the_same_room_and_pitch():
    waveform = np.random.default_rng(1).standard_normal(8_000).astype(np.float32)
    config = AugmentConfig(pitch=2, reverb_s=0.4)
    one, other, third = (augment_waveform(waveform, config, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(one, third)


def test_color_moves_channels_apart():
    frames = np.full((2, 2, 2, 3), 100, dtype=np.uint8)
    config = AugmentConfig(flip=0.0, color=0.3)
    drawn = np.array([augment_frames(frames, 2, config, np.random.default_rng(seed))[0, 0, 0] for seed in range(100)])
    assert 70 <= drawn.min() < 80 < 120 < drawn.max() <= 130
    assert (drawn.std(axis=1) > 1).mean() > 0.9

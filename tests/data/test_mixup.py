import numpy as np
import pytest
from scipy.stats import beta, kstest

from vaer.data.mixup import draw_share, mix_pairs
from vaer.records import Clip


def clip(level, times, samples, label, share, **changes):
    """A frame of `level` at each of `times`, `samples` as waveform."""
    frames = np.stack([np.full((2, 2, 3), level + number, np.uint8) for number in range(len(times))])
    return Clip(frames, np.array(times), np.array(samples, np.float32), label=label, index=label, speaker=label,
                share=share)._replace(**changes)


def levels(mixed):
    return mixed.frames[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_are_the_larger_part_of_a_beta(alpha):
    """Its distribution above one half, twice: P(share <= x) = 2 Beta(x) - 1."""
    rng = np.random.default_rng(0)
    shares = [draw_share(alpha, rng) for _ in range(2000)]
    assert kstest(shares, lambda x: 2 * beta.cdf(x, alpha, alpha) - 1).pvalue > 0.01


def test_both_modalities_and_the_label_are_mixed_by_one_share():
    """0.75 * 100 + 0.25 * 200 = 125 and 0.75 * 101 + 0.25 * 201 = 126; 0.75 * 4 + 0.25 * 8 = 5."""
    one = clip(100, [0.0, 0.5], [4, 4], 0, 0.75)
    other = clip(200, [0.0, 0.5], [8, 8], 2, 0.5)
    mixed, back = mix_pairs([one, other])
    assert levels(mixed) == [125, 126]
    assert mixed.waveform.tolist() == [5, 5]
    assert (mixed.label, mixed.partner_label, mixed.share) == (0, 2, 0.75)
    assert levels(back) == [150, 151]
    assert back.waveform.tolist() == [6, 6]  # of the clips as they were, not of the mixed one
    assert (back.label, back.partner_label, back.share) == (2, 0, 0.5)
    assert (mixed.index, mixed.speaker) == (0, 0)


def test_a_clip_keeps_its_length_and_clock():
    """The partner's frames are those nearest in time, its last one is held; its waveform ends, or is cut."""
    long = clip(0, [0.0, 1.0, 2.0], [2, 2, 2], 0, 0.5)
    short = clip(100, [0.1, 0.2, 0.4], [4], 1, 0.5)  # at 0 its frame 0, at 1 and 2 its frame 2
    mixed, back = mix_pairs([long, short])
    assert levels(mixed) == [50, round((1 + 102) / 2), 52]
    assert mixed.frame_times.tolist() == [0.0, 1.0, 2.0]
    assert mixed.waveform.tolist() == [3, 1, 1]
    assert levels(back) == [50, round((101 + 0) / 2), 51]  # all of its times are nearest to 0
    assert back.waveform.tolist() == [3]
    assert back.frame_times.tolist() == [0.1, 0.2, 0.4]


@pytest.mark.parametrize("absent", [{"frames": None, "frame_times": None}, {"waveform": None}])
def test_clips_of_different_modalities_are_not_mixed(absent):
    one, other = clip(100, [0.0], [4], 0, 0.75), clip(200, [0.0], [8], 2, 0.6, **absent)
    for mixed, before in zip(mix_pairs([one, other]), (one, other), strict=True):
        assert (mixed.share, mixed.partner_label) == (1.0, before.label)
        assert mixed.frames is before.frames
        assert mixed.waveform is before.waveform


@pytest.mark.parametrize("absent", [{"frames": None, "frame_times": None}, {"waveform": None}])
def test_clips_that_lack_the_same_are_mixed_in_the_rest(absent):
    one, other = clip(100, [0.0], [4], 0, 0.75, **absent), clip(200, [0.0], [8], 2, 0.6, **absent)
    mixed = mix_pairs([one, other])[0]
    assert (mixed.share, mixed.partner_label) == (0.75, 2)
    assert mixed.frames is None or levels(mixed) == [125]
    assert mixed.waveform is None or mixed.waveform.tolist() == [5]


def test_a_waveform_without_samples_is_mixed_as_silence():
    one, other = clip(0, [0.0], [], 0, 0.5), clip(0, [0.0], [4], 1, 0.5)
    mixed, back = mix_pairs([one, other])
    assert len(mixed.waveform) == 0
    assert back.waveform.tolist() == [2]


def test_clips_without_a_share_stay_as_they_are():
    clips = [clip(100, [0.0], [4], 0, None)] * 3
    assert mix_pairs(clips) is clips
    assert mix_pairs([]) == []

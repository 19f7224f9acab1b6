import torch

from vaer.models.audio.masking import length_mask, mask_features, mask_spans


def test_length_mask_counts_from_the_left():
    assert length_mask(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_hidden_stretches_lie_inside_the_clip_and_are_short_enough():
    torch.manual_seed(0)
    lengths = torch.tensor([100, 50, 10, 0])
    hidden = mask_spans(torch.ones(4, 100, 2), lengths, 1, 0.2)[..., 0] == 0  # (batch, time)
    assert not (hidden & ~length_mask(lengths, 100)).any()
    for row, length in zip(hidden, lengths.tolist(), strict=True):
        places = row.nonzero().flatten()
        assert len(places) <= 0.2 * length + 1  # a span of 20.0 frames can touch 21
        assert len(places) == 0 or places[-1] - places[0] == len(places) - 1


def test_clips_hide_different_places():
    torch.manual_seed(0)
    hidden = mask_spans(torch.ones(8, 200, 1), torch.full((8,), 200), 2, 0.2)[..., 0] == 0
    assert len({tuple(row.tolist()) for row in hidden}) == 8


def test_no_masks_leave_the_generator_alone():
    state = torch.get_rng_state()
    values = torch.ones(1, 3, 1)
    assert mask_spans(values, torch.tensor([3]), 0, 0.2) is values
    assert torch.equal(torch.get_rng_state(), state)


def test_features_are_hidden_in_time_and_over_channels():
    torch.manual_seed(0)
    values = torch.ones(8, 40, 30)
    hidden = mask_features(values, torch.full((8,), 40), 1, 1) == 0
    for clip in hidden:
        steps, channels = clip.all(1).sum(), clip.all(0).sum()
        assert steps <= 8 + 1  # a fifth of 40, and its ends
        assert channels <= 3 + 1  # a tenth of 30
        assert clip.sum() == steps * 30 + channels * 40 - steps * channels
    assert hidden.any()
    assert torch.equal(mask_features(values, torch.full((8,), 40), 0, 0), values)

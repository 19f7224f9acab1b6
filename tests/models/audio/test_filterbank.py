import math

import pytest
import torch

from vaer.models.audio.filterbank import FilterbankExtractor, draw_gains, gabor_filters, normalize_bands


def make_extractor(time_masks=0, band_masks=0):
    torch.manual_seed(0)
    return FilterbankExtractor(out_dim=32, time_masks=time_masks, band_masks=band_masks)


def test_one_token_every_40_ms():
    extractor = make_extractor()
    assert (extractor.receptive_field, extractor.hop) == (400, 640)
    # Frames: floor((n - 400) / 160) + 1 = 1, 4, 5, 98; tokens: a quarter of them, rounded up.
    for samples, tokens in [(400, 1), (880, 1), (1040, 2), (16000, 25)]:
        features, lengths = extractor(torch.randn(2, samples), torch.tensor([samples, 0]))
        assert features.shape == (2, tokens, 32)
        assert lengths.tolist() == [tokens, 0]


@pytest.mark.parametrize("frequency", [200.0, 1000.0, 4000.0])
def test_filters_start_on_the_mel_scale(frequency):
    waveform = torch.sin(2 * math.pi * frequency * torch.arange(1600) / 16000).unsqueeze(0)
    energies = make_extractor().log_energies(waveform).exp()[0]  # (frames, bands)
    # 64 bands evenly from 60 to 7600 Hz in mel, where mel(f) = 2595 log10(1 + f / 700).
    low, high, place = (2595 * math.log10(1 + hertz / 700) for hertz in (60, 7600, frequency))
    expected = round((place - low) / (high - low) * 63)
    assert (energies.argmax(-1) == expected).all()
    # Cosine and sine together do not depend on the phase.
    assert (energies[:, expected].max() / energies[:, expected].min()).item() < 1.01


def test_filters_are_pairs_of_25_ms():
    filters = gabor_filters()
    assert filters.shape == (400, 128)
    torch.testing.assert_close(filters[:, :64], filters[:, :64].flip(0), atol=1e-3, rtol=0)  # cosines are even
    torch.testing.assert_close(filters[:, 64:], -filters[:, 64:].flip(0), atol=1e-3, rtol=0)  # sines are odd


def test_bands_are_normalized_over_true_frames():
    values = torch.tensor([[[1.0], [5.0], [99.0]], [[4.0], [4.0], [4.0]], [[7.0], [7.0], [7.0]]])
    result = normalize_bands(values, torch.tensor([2, 3, 0]))
    # First row: mean 3, variance 4 (and 0.01 that holds still bands near 0).
    expected = torch.tensor([[[-1.0], [1.0], [0.0]], [[0.0]] * 3, [[0.0]] * 3]) * 2 / math.sqrt(4.01)
    torch.testing.assert_close(result, expected)


def test_levels_tell_how_loud_each_band_is():
    """Half the amplitude lowers a level by log 4, unless it is near the floor, which is 0; silence has none."""
    torch.manual_seed(0)
    extractor = FilterbankExtractor(out_dim=32, time_masks=0, band_masks=0, levels=True).eval()
    entered = []
    extractor.convolutions[0].register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0].mT))
    waveform, num_samples = torch.randn(2, 8000), torch.tensor([8000, 6000])
    for gain in (1.0, 0.5):
        extractor(gain * waveform, num_samples)
    loud, soft = entered
    assert loud.shape == (2, 48, 128)
    fallen = loud[0, :, 64:] - soft[0, :, 64:]
    assert fallen.median().item() == pytest.approx(math.log(4), abs=0.01)
    assert loud[:, :, 64:].min() >= 0
    assert (loud[:, :, :64] - soft[:, :, :64]).abs().median() < 0.01  # normalised, they know of no gain
    extractor(torch.zeros(1, 800), torch.tensor([800]))
    torch.testing.assert_close(entered[2], torch.zeros(1, 3, 128), atol=1e-5, rtol=0)
    assert not loud[1, 36:].any()  # 6000 samples are 36 frames


def test_gains_move_the_levels_of_training_clips_alone():
    extractor, entered = FilterbankExtractor(out_dim=32, time_masks=0, band_masks=0, levels=True, gains_db=3.0), []
    extractor.convolutions[0].register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0].mT))
    torch.manual_seed(0)
    waveform, num_samples = torch.randn(2, 8000), torch.tensor([8000, 8000])
    for mode in (False, False, True):
        extractor.train(mode)(waveform, num_samples)
    still, again, moved = (levels for _, levels in (inputs.chunk(2, dim=-1) for inputs in entered))
    assert torch.equal(still, again)
    changes = (moved - still).mean(1)  # (clips, bands), logarithms
    assert (changes.abs().amax(1) > 0.2).all()
    assert not torch.allclose(changes[0], changes[1], atol=0.1)
    shapes = [inputs.chunk(2, dim=-1)[0] for inputs in entered]
    assert (shapes[2] - shapes[0]).abs().median() < 0.01  # what is normalised knows of no gain
    extractor(torch.zeros(1, 800), torch.tensor([800]))
    assert not entered[3].any()  # silence stays silent


def test_gains_are_lines_between_six_points_of_the_deviation_asked_for():
    torch.manual_seed(0)
    gains_db = 10 * draw_gains(4000, 3.0).log10()
    assert gains_db.shape == (4000, 1, 64)
    assert gains_db[:, 0, 0].std().item() == pytest.approx(3, rel=0.05)
    assert gains_db[:, 0, 63].std().item() == pytest.approx(3, rel=0.05)
    bends = gains_db[:, 0].diff(dim=1).diff(dim=1).abs().amax(0) > 1e-3  # 63 steps, five lines of 12.6
    assert bends.nonzero().flatten().tolist() == [11, 12, 24, 25, 36, 37, 49, 50]


def test_masks_hide_a_band_and_its_level_together():
    extractor, entered = FilterbankExtractor(out_dim=32, time_masks=1, band_masks=2, levels=True), []
    extractor.convolutions[0].register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0].mT))
    torch.manual_seed(0)
    extractor(torch.randn(2, 8000), torch.tensor([8000, 8000]))
    shapes, levels = (part == 0 for part in entered[0].chunk(2, dim=-1))
    assert torch.equal(shapes, levels)
    assert shapes.all(1).any(1).all()  # a band of every clip, and below a stretch of time
    assert shapes.all(2).any(1).all()


def test_masks_hide_in_training_only():
    extractor = make_extractor(time_masks=2, band_masks=2)
    waveform, num_samples = torch.randn(2, 8000), torch.tensor([8000, 6000])
    assert not torch.equal(extractor(waveform, num_samples)[0], extractor(waveform, num_samples)[0])
    extractor.eval()
    plain = make_extractor().eval()
    torch.testing.assert_close(extractor(waveform, num_samples)[0], plain(waveform, num_samples)[0])


def test_the_global_seed_decides_the_masks():
    extractor = make_extractor(time_masks=1, band_masks=1)
    waveform, num_samples = torch.randn(1, 8000), torch.tensor([8000])
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(extractor(waveform, num_samples)[0])
    assert torch.equal(*results)


def test_filters_learn():
    extractor = make_extractor()
    extractor(torch.randn(1, 8000), torch.tensor([8000]))[0].square().sum().backward()
    assert extractor.filters.grad.abs().sum() > 0

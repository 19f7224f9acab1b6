import torch

from vaer.models.audio.waveform import prepare_waveform


def test_only_true_samples_count_and_short_clips_are_padded():
    waveform = torch.tensor([[1.0, 3.0, 9.0], [5.0, 9.0, 9.0], [9.0, 9.0, 9.0]])
    num_samples = torch.tensor([2, 1, 0])
    plain = prepare_waveform(waveform, num_samples, normalize=False, shortest=4)
    assert plain.tolist() == [[1, 3, 0, 0], [5, 0, 0, 0], [0, 0, 0, 0]]
    # 1 and 3 have mean 2 and deviation 1; a single sample and none become 0.
    scaled = prepare_waveform(waveform, num_samples, normalize=True, shortest=2)
    torch.testing.assert_close(scaled, torch.tensor([[-1.0, 1, 0], [0, 0, 0], [0, 0, 0]]))

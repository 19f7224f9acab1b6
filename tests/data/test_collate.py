import numpy as np
import torch

from vaer.data.collate import collate
from vaer.data.dataset import Modalities
from vaer.records import Batch, Clip, MixedBatch

FULL = Clip(np.full((2, 4, 4, 3), 9, np.uint8), np.array([0.1, 0.6]), np.ones(5, np.float32), label=2, index=7,
            speaker=1)
DEAF = Clip(np.full((2, 4, 4, 3), 8, np.uint8), np.array([0.2, 0.7]), None, label=0, index=3, speaker=0)
BLIND = Clip(None, None, np.ones(3, np.float32), label=1, index=4, speaker=1)


def test_absent_modalities_are_zeros():
    batch = collate([FULL, DEAF, BLIND], num_frames=2, size=4, wanted=Modalities())
    assert batch.frames.shape == (3, 2, 4, 4, 3)
    assert batch.frames.dtype == torch.uint8
    assert batch.frames[:, 0, 0, 0, 0].tolist() == [9, 8, 0]
    torch.testing.assert_close(batch.frame_times, torch.tensor([[0.1, 0.6], [0.2, 0.7], [0, 0]]))
    assert batch.has_video.tolist() == [True, True, False]
    assert batch.waveform.tolist() == [[1, 1, 1, 1, 1], [0] * 5, [1, 1, 1, 0, 0]]
    assert batch.num_samples.tolist() == [5, 0, 3]
    assert batch.has_audio.tolist() == [True, False, True]
    assert batch.labels.tolist() == [2, 0, 1]
    assert batch.ids.tolist() == [7, 3, 4]
    assert batch.speakers.tolist() == [1, 0, 1]


def test_what_no_branch_wants_is_none():
    batch = collate([BLIND], num_frames=2, size=4, wanted=Modalities(video=False))
    assert batch.frames is None
    assert batch.frame_times is None
    assert collate([DEAF], num_frames=2, size=4, wanted=Modalities(audio=False)).waveform is None


def test_a_batch_without_any_sound_has_a_sample_of_silence():
    assert collate([DEAF], num_frames=2, size=4, wanted=Modalities()).waveform.tolist() == [[0]]


def test_rows_are_as_long_as_a_multiple():
    """Of 5 samples and none: the next multiple of 4 is 8, that of 5 is 5; silence is as long as one."""
    widths = [collate(clips, num_frames=2, size=4, wanted=Modalities(), multiple=multiple).waveform.shape[1]
              for clips, multiple in (([FULL, DEAF], 4), ([FULL], 5), ([DEAF], 4))]
    assert widths == [8, 5, 4]
    batch = collate([FULL, BLIND], num_frames=2, size=4, wanted=Modalities(), multiple=4)
    assert batch.waveform.tolist() == [[1] * 5 + [0] * 3, [1] * 3 + [0] * 5]
    assert batch.num_samples.tolist() == [5, 3]


def test_mixed_clips_come_with_their_partners_labels_and_shares():
    clips = [FULL._replace(share=0.75, partner_label=0), DEAF._replace(share=1.0, partner_label=0)]
    batch = collate(clips, num_frames=2, size=4, wanted=Modalities())
    assert isinstance(batch, MixedBatch)
    assert (batch.partner_labels.tolist(), batch.shares.tolist()) == ([0, 0], [0.75, 1.0])
    assert batch.shares.dtype == torch.float32
    plain = collate([FULL, DEAF], num_frames=2, size=4, wanted=Modalities())
    for name in Batch._fields:
        torch.testing.assert_close(getattr(batch, name), getattr(plain, name))

"""Clips side by side."""

import math

import numpy as np
import torch

from vaer.data.dataset import Modalities
from vaer.records import Batch, Clip, MixedBatch


def collate(clips: list[Clip], *, num_frames: int, size: int, wanted: Modalities,
            multiple: int = 1) -> Batch | MixedBatch:
    """Stack clips into a Batch, mixed ones into a MixedBatch; an absent modality is zeros, an unwanted one is None.

    Rows of audio are as long as the longest one, at least one sample, or the next `multiple` of samples after that.
    """
    has_video = torch.tensor([clip.frames is not None for clip in clips])
    has_audio = torch.tensor([clip.waveform is not None for clip in clips])
    num_samples = torch.tensor([0 if clip.waveform is None else len(clip.waveform) for clip in clips])
    frames = frame_times = waveform = None
    if wanted.video:
        frames = torch.zeros(len(clips), num_frames, size, size, 3, dtype=torch.uint8)
        frame_times = torch.zeros(len(clips), num_frames)
        for row, clip in enumerate(clips):
            if clip.frames is not None:
                frames[row] = torch.from_numpy(clip.frames)
                frame_times[row] = torch.from_numpy(clip.frame_times)
    if wanted.audio:
        longest = max(1, int(num_samples.max()))
        waveform = torch.zeros(len(clips), math.ceil(longest / multiple) * multiple)
        for row, clip in enumerate(clips):
            if clip.waveform is not None:
                waveform[row, :len(clip.waveform)] = torch.from_numpy(np.ascontiguousarray(clip.waveform))
    batch = Batch(frames, frame_times, has_video, waveform, num_samples, has_audio,
                  labels=torch.tensor([clip.label for clip in clips]), ids=torch.tensor([clip.index for clip in clips]),
                  speakers=torch.tensor([clip.speaker for clip in clips]))
    if clips[0].partner_label is None:
        return batch
    return MixedBatch(*batch, partner_labels=torch.tensor([clip.partner_label for clip in clips]),
                      shares=torch.tensor([clip.share for clip in clips], dtype=torch.float32))

"""Items as clips: what a worker process does."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from vaer.config import ClipConfig, DataConfig
from vaer.data import augment, windows
from vaer.data.durations import duration_of
from vaer.data.mixup import draw_share
from vaer.data.packed import PackedItems
from vaer.media import media
from vaer.media.probe import unchanging
from vaer.records import Clip, Item


class Modalities(NamedTuple):
    """Which modalities a network has branches for."""

    video: bool = True
    audio: bool = True


class TrainingClips(Dataset):
    """Clips with everything random about them drawn from (seed, epoch, index)."""

    def __init__(self, items: Sequence[Item], classes: tuple[str, ...], *, config: DataConfig, wanted: Modalities,
                 seed: int, modality_dropout: float = 0.0, mixup: float = 0.0) -> None:
        self.items, self.labels = PackedItems(items), [classes.index(item.label) for item in items]
        self.speakers, self.cut = speaker_places(items), shared_flags(items)
        self.config, self.wanted, self.seed = config, wanted, seed
        self.modality_dropout, self.mixup = modality_dropout, mixup

    def __len__(self) -> int:
        return len(self.items)

    @unchanging()
    def __getitem__(self, key: tuple[int, int]) -> Clip:
        epoch, index = key
        rng = np.random.default_rng((self.seed, epoch, index))
        item, config = self.items[index], self.config
        limits = true_span(item, config)
        self.cut[index] = windows.is_cut(limits, config)
        window = windows.training_window(limits, config, rng)
        lost = rng.choice(["video", "audio"]) if rng.uniform() < self.modality_dropout else None
        size = augment.draw_size(config.size, config.augment, rng)
        clip = media.decode(item, window, size=size, video=self.wanted.video, audio=self.wanted.audio,
                            device=config.decode_device, decoder=config.decoder)
        if lost is not None and clip.frames is not None and clip.waveform is not None:
            clip = without(clip, lost)
        if clip.frames is not None:
            clip = clip._replace(frames=augment.augment_frames(clip.frames, config.size, config.augment, rng))
        if clip.waveform is not None:
            clip = clip._replace(waveform=augment.augment_waveform(clip.waveform, config.augment, rng))
        if self.mixup:
            clip = clip._replace(share=draw_share(self.mixup, rng))
        return clip._replace(label=self.labels[index], index=index, speaker=int(self.speakers[index]))


class EvaluationClips(Dataset):
    """Clips without anything random; asked for by (view, index)."""

    def __init__(self, items: Sequence[Item], classes: tuple[str, ...], *, config: DataConfig, wanted: Modalities,
                 views: int = 1) -> None:
        self.items, self.labels = PackedItems(items), [classes.index(item.label) for item in items]
        self.speakers, self.cut = speaker_places(items), shared_flags(items)
        self.config, self.wanted, self.views = config, wanted, views

    def __len__(self) -> int:
        return len(self.items)

    @unchanging()
    def __getitem__(self, key: tuple[int, int]) -> Clip:
        view, index = key
        item, config = self.items[index], self.config
        limits = true_span(item, config)
        self.cut[index] = windows.is_cut(limits, config)
        window = windows.evaluation_window(limits, config, view, self.views)
        clip = media.decode(item, window, size=config.size, video=self.wanted.video, audio=self.wanted.audio,
                            device=config.decode_device, decoder=config.decoder)
        return clip._replace(label=self.labels[index], index=index, speaker=int(self.speakers[index]))


def shared_flags(items: Sequence[Item]) -> torch.Tensor:
    """(items,) int8 that all processes share: 1 where a clip was cut to its middle, -1 where none has read it."""
    return torch.full((len(items),), -1, dtype=torch.int8).share_memory_()


def speaker_places(items: Sequence[Item]) -> np.ndarray:
    """(items,): the place of each item's speaker among the sorted speakers of all."""
    return np.unique([item.speaker for item in items], return_inverse=True)[1]


def span(item: Item, config: ClipConfig) -> tuple[float, float]:
    """Start and end in seconds of the part of a clip in which windows may lie, as long as the corpus tells it."""
    if config.trim_db is not None and item.audio_path is not None and media.probe(item.audio_path).has_audio:
        return media.audio_span(item.audio_path, config.trim_db)
    return 0.0, item.duration_s if item.duration_s is not None else media.probe(item.path).duration_s


def true_span(item: Item, config: ClipConfig) -> tuple[float, float]:
    """The `span` of a clip that is opened anyway: as long as its file is. Raises MediaError."""
    return span(item._replace(duration_s=duration_of(item)), config)


def without(clip: Clip, modality: str) -> Clip:
    """The clip as if its file had no frames (`video`) or no audio (`audio`)."""
    if modality == "video":
        return clip._replace(frames=None, frame_times=None)
    return clip._replace(waveform=None)

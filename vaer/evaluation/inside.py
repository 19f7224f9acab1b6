"""What a network does inside: a map of its embeddings, where it attends in time, what an answer costs."""

import hashlib
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from rich.progress import track
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vaer.atomic_files import read_facts, write_facts
from vaer.config import Config
from vaer.data.collate import collate
from vaer.data.dataset import EvaluationClips, Modalities
from vaer.data.loader import evaluation_batches
from vaer.evaluation.opened import open_run
from vaer.evaluation.options import Options, settings_of
from vaer.evaluation.predict import only
from vaer.media.waveforms import SAMPLE_RATE
from vaer.records import Batch, Item, Output
from vaer.runs.folder import RunFolder
from vaer.words import counted

FORMAT = 1
MOST_MAPPED = 500
"""Clips of a map; of more, these are drawn."""
ATTENDING = 4
"""Clips whose attention is kept, each of another label."""
LEVELS = 120
"""Values of a clip's loudness over its time."""
TIMED = 5
"""PredictionTable of which the time of the middle one counts."""


def write_inside(folder: RunFolder, options: Options) -> Path:
    """Write inside.json beside predictions.csv and return where it is; what is there of the same network stays.

    Of a folder of folds it is the network of the first one: each has a space of its own. Raises UserError.
    """
    run = folder.folds()[0]
    place = RunFolder(folder.pooled) if folder.has_folds() else folder
    path = place.inside_path(options.suffix)
    made_from = {"format": FORMAT, "weights": hashlib.sha256(run.best.weights_path.read_bytes()).hexdigest()}
    if read_facts(path).get("made_from") == made_from:
        return path
    config, accelerator = settings_of(run, options), Accelerator()
    network, tested = open_run(run, config, accelerator, options)
    network.eval()
    items = some_of(tested.split.test, MOST_MAPPED)
    clips = EvaluationClips(items, tested.classes, config=config.data,
                            wanted=Modalities(config.model.video.enabled, config.model.audio.enabled))
    vectors = _vectors(network, clips, accelerator, options)
    batches = {items[index].id: _one(clips, index, config, accelerator, options) for index in first_of_labels(items)}
    write_facts(path, {
        "made_from": made_from, "fold": config.data.fold, "map": map_of(vectors, items, len(tested.split.test)),
        "attention": [{"id": name, **found} for name, batch in batches.items()
                      if (found := attention_of(network, batch)) is not None],
        "cost": cost_of(network, next(iter(batches.values())))})
    return path


def some_of(items: list[Item], most: int) -> list[Item]:
    """All of the items, or `most` that are drawn, the same each time and in their order."""
    if len(items) <= most:
        return items
    return [items[place] for place in sorted(np.random.default_rng(0).permutation(len(items))[:most])]


def first_of_labels(items: list[Item]) -> list[int]:
    """The place of the first item of each of the first labels."""
    places: dict[str, int] = {}
    for place, item in enumerate(items):
        places.setdefault(item.label, place)
    return list(places.values())[:ATTENDING]


@torch.no_grad()
def _vectors(network: nn.Module, clips: EvaluationClips, accelerator: Accelerator, options: Options) -> np.ndarray:
    """(clips, dim): what the network answers from."""
    batches = evaluation_batches(clips, batch_size=options.batch_size, num_workers=options.num_workers,
                                 device=accelerator.device, rank=0, world=1)
    made = [_vector(network(only(batch, options.modality)))
            for batch in track(batches, description="embeddings", total=len(batches), transient=True)]
    return torch.cat(made).float().cpu().numpy()


def _vector(output: Output) -> torch.Tensor:
    """(batch, dim); of a fusion without a vector of its own those of both branches."""
    if output.embedding is not None:
        return output.embedding
    return torch.cat([output.video_embedding, output.audio_embedding], dim=1)


def _one(clips: EvaluationClips, index: int, config: Config, accelerator: Accelerator, options: Options) -> Batch:
    batch = collate([clips[0, index]], num_frames=config.data.num_frames, size=config.data.size, wanted=clips.wanted)
    return only(send_to_device(batch, accelerator.device), options.modality)


def map_of(vectors: np.ndarray, items: list[Item], total: int) -> dict[str, Any] | None:
    """Where clips lie on the two directions in which their vectors (clips, dim) differ most; None for a few clips."""
    from sklearn.decomposition import PCA  # a second

    if min(vectors.shape) < 3:
        return None
    pca = PCA(2, svd_solver="full")
    places = pca.fit_transform(vectors.astype(np.float64))
    return {"of": total, "explained": [round(float(share), 4) for share in pca.explained_variance_ratio_],
            "points": {item.id: [round(float(value), 4) for value in place]
                       for item, place in zip(items, places, strict=True)}}


@torch.no_grad()
def attention_of(network: nn.Module, batch: Batch) -> dict[str, Any] | None:
    """How much video attends to each moment of the waveform of one clip, the mean over heads and frames.

    1 is what each moment has where all are attended to alike. None where the clip lacks a modality, or the network
    keeps no attention over time. Beside it stands the loudness over the same seconds, 1 at its maximum.
    """
    if network.fusion is None or not (batch.has_video.all() and batch.has_audio.all()):
        return None
    caught = {}
    hook = network.audio.register_forward_hook(lambda module, inputs, tokens: caught.update(tokens=tokens))
    try:
        attention = network(batch, attention=True).attention
    finally:
        hook.remove()
    if attention is None:
        return None
    tokens = caught["tokens"]
    real = tokens.mask[0]
    weights = attention[0].float().mean((0, 1))[real] * int(real.sum())
    waveform = batch.waveform[0, :int(batch.num_samples[0])].cpu().numpy()
    return {"times": _rounded(tokens.times[0][real]), "weights": _rounded(weights), "levels": levels_of(waveform),
            "seconds": round(len(waveform) / SAMPLE_RATE, 4)}


def levels_of(waveform: np.ndarray) -> list[float]:
    """Root mean square of `LEVELS` equal parts of (samples,), 1 at its maximum; of fewer samples each one."""
    parts = np.array_split(waveform.astype(np.float64), min(LEVELS, len(waveform)))
    levels = np.sqrt([np.mean(part ** 2) for part in parts])
    return [round(float(level), 4) for level in levels / (levels.max() or 1)]


@torch.no_grad()
def cost_of(network: nn.Module, batch: Batch) -> dict[str, Any]:
    """Parameters of each part, operations and seconds of an answer to one clip, and on what it was timed."""
    def parameters(module: nn.Module | None) -> int:
        return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())

    branches = {name: parameters(getattr(network, name)) for name in network.branches}
    with FlopCounterMode(display=False) as counter:
        network(batch)
    device = batch.labels.device
    return {"parameters": branches | {"fusion and heads": parameters(network) - sum(branches.values())},
            "flops": counter.get_total_flops(),
            "seconds": round(median(_timed(network, batch) for _ in range(TIMED)), 5),
            "clip_seconds": None if batch.waveform is None else round(int(batch.num_samples[0]) / SAMPLE_RATE, 3),
            "frames": None if batch.frames is None else batch.frames.shape[1],
            "device": torch.cuda.get_device_name(device) if device.type == "cuda"
            else f"a processor, {counted(torch.get_num_threads(), 'thread')}"}


def _timed(network: nn.Module, batch: Batch) -> float:
    if batch.labels.is_cuda:
        torch.cuda.synchronize()
    started = perf_counter()
    network(batch)
    if batch.labels.is_cuda:
        torch.cuda.synchronize()
    return perf_counter() - started


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 4) for value in values.float().tolist()]

"""What a network says of windows, in batches that begin at fixed numbers."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch import Tensor

from vaer.data.collate import collate
from vaer.data.dataset import Modalities
from vaer.evaluation.calibration import scale
from vaer.inference.file_windows import WindowRow
from vaer.inference.network import Trained
from vaer.records import Batch, Output

DIGITS = 7
"""Decimals of a probability that are kept."""


def predict_rows(trained: Trained, rows: Iterable[WindowRow], *, batch_size: int,
                 known: Sequence[dict[str, Any]] = ()) -> Iterator[dict[str, Any]]:
    """The facts of every row with its probabilities, raw and calibrated, and those of each modality alone.

    A batch is `batch_size` rows from a multiple of it on, whatever was asked before. Whole batches that are `known`
    are not asked again. A row without frames and without audio has no answer: None.
    """
    rows, done = iter(rows), 0
    while batch := list(islice(rows, batch_size)):
        if done + len(batch) <= len(known):
            yield from known[done:done + len(batch)]
        else:
            yield from _predict_batch(trained, batch)
        done += len(batch)


@torch.inference_mode()
def _predict_batch(trained: Trained, rows: list[WindowRow]) -> list[dict[str, Any]]:
    network = trained.network
    outputs: dict[int, dict[str, Any]] = {}
    present = [row for row in rows if _has_something(row)]
    if present:
        batch, output = _forward(trained, present)
        parts = {"probabilities": (output.logits, batch.has_video | batch.has_audio),
                 "video": (output.video_logits, batch.has_video), "audio": (output.audio_logits, batch.has_audio)}
        tables = {name: (_probabilities(logits), there.tolist()) for name, (logits, there) in parts.items()
                  if logits is not None}
        for place, row in enumerate(present):
            outputs[id(row)] = {name: _named(network.classes, table[place])
                                for name, (table, there) in tables.items() if there[place]}
    return [row.facts | with_calibrated(outputs.get(id(row), {}), network.classes, trained.recipe.temperature)
            for row in rows]


@torch.inference_mode()
def embed_rows(trained: Trained, rows: Iterable[WindowRow], *, batch_size: int,
               known: int = 0) -> Iterator[list[tuple[dict[str, Any], dict[str, np.ndarray]]]]:
    """The facts of every row with its vectors (dim,) float32 of what is present: `video`, `audio` and `fused`.

    Those of a branch are the means of its tokens; `fused` is the vector of the fusion, where it has one. They come in
    the batches of `predict_rows`; those among the first `known` rows are left out.
    """
    rows, done = iter(rows), 0
    while part := list(islice(rows, batch_size)):
        done += len(part)
        if done <= known:
            continue
        present = [row for row in part if _has_something(row)]
        vectors: dict[int, dict[str, np.ndarray]] = {}
        if present:
            batch, output = _forward(trained, present)
            kinds = {"video": (output.video_embedding, batch.has_video),
                     "audio": (output.audio_embedding, batch.has_audio),
                     "fused": (output.embedding if trained.network.fusion is not None else None,
                               batch.has_video | batch.has_audio)}
            tables = {name: (values.float().cpu().numpy(), there.tolist()) for name, (values, there) in kinds.items()
                      if values is not None}
            for place, row in enumerate(present):
                vectors[id(row)] = {name: table[place] for name, (table, there) in tables.items() if there[place]}
        yield [(row.facts, vectors.get(id(row), {})) for row in part]


def _has_something(row: WindowRow) -> bool:
    return row.clip.frames is not None or row.clip.waveform is not None


def _forward(trained: Trained, rows: list[WindowRow]) -> tuple[Batch, Output]:
    network, clip = trained.network, trained.recipe.clip
    wanted = Modalities(network.video is not None, network.audio is not None)
    batch = collate([row.clip for row in rows], num_frames=clip.num_frames, size=clip.size, wanted=wanted)
    batch = send_to_device(batch, trained.device)
    return batch, network(batch)


def with_calibrated(outputs: dict[str, Any], classes: Sequence[str], temperature: float | None) -> dict[str, Any]:
    """`probabilities`, `calibrated`, `video` and `audio`, each by class or None."""
    raw = outputs.get("probabilities")
    calibrated = None
    if raw is not None and temperature is not None:
        calibrated = _named(classes, scale(np.array([[raw[name] for name in classes]]), temperature)[0])
    return {"probabilities": raw, "calibrated": calibrated, "video": outputs.get("video"),
            "audio": outputs.get("audio")}


def _probabilities(logits: Tensor) -> np.ndarray:
    return logits.float().softmax(1).double().cpu().numpy()


def _named(classes: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), DIGITS) for name, value in zip(classes, values, strict=True)}

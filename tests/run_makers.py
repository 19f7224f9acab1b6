"""A tiny corpus and the settings of a run on it, for tests of whole runs."""

import dataclasses
from pathlib import Path

from makers import tiny_config, tone, write_video, write_wav
from safetensors.torch import load_file
from torch import Tensor

from vaer.config import Config, TrainConfig


def write_takes(root: Path) -> Path:
    """Six takes of speaker 1, audio alone and frames without audio among them, in two repetitions."""
    for emotion, hertz in (("01", 300), ("03", 500), ("05", 800)):
        for repetition in "12":
            name = f"{emotion}-01-01-0{repetition}-01"
            sound = tone(0.6 + 0.1 * int(repetition), 48_000, hertz)[None]
            if emotion == "05" and repetition == "1":
                write_wav(root / f"03-01-{name}.wav", sound, 48_000)
            else:
                write_video(root / f"01-01-{name}.mp4", frames=8, size=(32, 32), sound=sound)
    return root


def config(corpus: Path, output: Path, *, train: dict | None = None, protocol: str = "repetition", **model) -> Config:
    """Two epochs of a tiny network, with dropout of all kinds, on what `write_takes` wrote."""
    tiny = tiny_config(**model)
    data = dataclasses.replace(tiny.data, root=str(corpus), protocol=protocol)
    audio = dataclasses.replace(tiny.model.audio, dropout=0.2)
    model = dataclasses.replace(tiny.model, modality_dropout=0.3, audio=audio)
    train = TrainConfig(**{"epochs": 2, "batch_size": 2, "lr": 1e-2} | (train or {}))
    return Config(output=str(output), data=data, model=model, train=train)


def weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of a run's best network."""
    return load_file(folder / "best" / "model.safetensors")

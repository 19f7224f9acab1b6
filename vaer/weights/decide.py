"""What a checkpoint, or the run that goes on, decides about settings that were left open."""

import dataclasses
from pathlib import Path
from typing import Any

from vaer.config import Config, fill
from vaer.runs.folder import RunFolder
from vaer.weights.folders import branch_settings, run_settings


def decide(config: Config) -> Config:
    """The same settings with what the weights of the speech branch decide filled in; `resolve` comes after it.

    This is what reads files, and downloads a checkpoint's settings where a name on the hub is given. Raises UserError.
    """
    audio, model = config.model.audio, config.model
    is_open = audio.normalize is None or (audio.kind == "transformers" and audio.architecture is None)
    if not audio.enabled or not is_open or (audio.pretrained is not None and model.init is not None):
        return config  # nothing to ask, or `resolve` refuses it
    audio = fill(audio, _decided(config))
    return dataclasses.replace(config, model=dataclasses.replace(model, audio=audio))


def _decided(config: Config) -> dict[str, Any]:
    audio, folder = config.model.audio, RunFolder(Path(config.output))
    if config.train.resume and folder.is_begun():  # the checkpoint may be gone by now
        earlier = folder.settings().model.audio
        if (earlier.kind, earlier.pretrained) == (audio.kind, audio.pretrained):
            return {"normalize": earlier.normalize, "architecture": earlier.architecture}
    if audio.pretrained is not None:
        return branch_settings(audio.pretrained, audio.kind)
    return (run_settings(config.model.init, audio.kind) or {}) if config.model.init is not None else {}

"""The whole network: two branches, their heads, the fusion; from a batch to logits."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from safetensors import SafetensorError
from torch import Tensor, nn

from vaer.choose import choose
from vaer.config import AudioConfig, Config, FusionConfig, ModelConfig, VideoConfig
from vaer.errors import NewerFormatError, UserError
from vaer.models.audio import AUDIO_BRANCHES
from vaer.models.fusion import FUSIONS
from vaer.models.heads import UnimodalHead
from vaer.models.layers.dropout import draw_quickly
from vaer.models.layers.pooling import masked_mean
from vaer.models.layers.speaker_norm import SpeakerNorm
from vaer.models.video import VIDEO_BRANCHES
from vaer.presence import rows_of
from vaer.records import BEST_FORMAT, Batch, Embedded, Output, Stream, Tokens

CARD = """---
library_name: vaer
---
# A network of emotion recognition from face and voice

- Branches: {branches}
- Classes: {classes}

`config.json` holds the settings that the network is rebuilt from, `model.safetensors` its weights. The folder above
tells how it was trained and on whom (`run.json`, `config.yaml`), and after `vaer evaluate` how well it does
(`metrics.json`). It carries the licence of its training data and of the weights that it started from.
"""


def network_settings(config: Config, classes: tuple[str, ...]) -> dict[str, Any]:
    """What a network is rebuilt from, and what must be known to give it a new video: plain types alone.

    `config` is resolved. The clip recipe is that of training; `best/` holds more beside it (`vaer.runs.recipe`).
    """
    model = dataclasses.asdict(config.model)
    del model["init"], model["modality_dropout"]  # how it was trained, not what it is
    del model["video"]["pretrained"], model["audio"]["pretrained"]
    clip = dataclasses.asdict(config.data.clip) | {"sample_rate": config.data.sample_rate}
    return {"format": BEST_FORMAT, "classes": list(classes), "model": model, "clip": clip}


class VAER(nn.Module, PyTorchModelHubMixin):
    """A video branch, an audio branch and their fusion; a branch that is switched off is not built.

    `settings` comes from `network_settings`. With one branch alone its head gives the answer.
    """

    def __init__(self, *, settings: dict[str, Any]) -> None:
        super().__init__()
        if settings.get("format", 1) > BEST_FORMAT:
            raise NewerFormatError("settings of a network", settings["format"], BEST_FORMAT)
        self.settings = settings
        self.classes = tuple(settings["classes"])
        model = _model_config(settings["model"])
        num_classes = len(self.classes)
        self.branches = [name for name in ("video", "audio") if getattr(model, name).enabled]
        self.video = self.audio = self.video_head = self.audio_head = self.fusion = None
        if model.video.enabled:
            self.video = choose(VIDEO_BRANCHES, model.video.kind, "model.video.kind")(config=model.video)
            self.video_head = UnimodalHead(dim=self.video.out_dim, num_classes=num_classes, dropout=model.video.dropout)
        if model.audio.enabled:
            self.audio = choose(AUDIO_BRANCHES, model.audio.kind, "model.audio.kind")(config=model.audio)
            dropout = model.audio.dropout if model.audio.head_dropout is None else model.audio.head_dropout
            self.audio_head = UnimodalHead(dim=self.audio.out_dim, num_classes=num_classes, dropout=dropout)
        if self.video is not None and self.audio is not None:
            kind = choose(FUSIONS, model.fusion.kind, "model.fusion.kind")
            self.fusion = kind(video_dim=self.video.out_dim, audio_dim=self.audio.out_dim, num_classes=num_classes,
                               config=model.fusion)
        self.add_heads = model.fusion.add_heads
        self.norms = nn.ModuleDict()
        if model.speaker_norm:
            dims = {name: self._head(name).out_dim for name in self.branches} | {
                "fused": self.fusion and self.fusion.out_dim}
            self.norms.update({name: SpeakerNorm(dim=dim) for name, dim in dims.items() if dim is not None})
        draw_quickly(self)

    def generate_model_card(self, *_: Any, **__: Any) -> ModelCard:
        """What stands beside the weights; the library's own card would say that they were pushed to a hub."""
        return ModelCard(CARD.format(classes=", ".join(self.classes), branches=" and ".join(self.branches)))

    def forward(self, batch: Batch, *, attention: bool = False) -> Output:
        """Logits and embeddings of a batch; rows without any modality get an answer from zeros.

        With `speaker_norm` the logits in evaluation know nothing of the speakers; `classify` takes sums of theirs.
        `attention` is kept where it is asked for and the fusion keeps time.
        """
        streams, logits, embedded = {}, {}, Embedded({}, {})
        for name, inputs, given in (("video", (batch.frames, batch.frame_times), batch.has_video),
                                    ("audio", (batch.waveform, batch.num_samples), batch.has_audio)):
            if name in self.branches:
                tokens = _tokens_of(getattr(self, name), inputs, given)
                streams[name] = Stream(tokens, masked_mean(tokens))
                present = embedded.present[name] = tokens.mask.any(1)
                embedded.vectors[name] = self._head(name).embed(tokens)
                logits[name] = self._head(name)(self._normed(name, embedded, batch.speakers), present)
        pooled = {name: stream.pooled for name, stream in streams.items()}
        embedding, weights, normed = pooled[self.branches[0]], None, None
        if self.fusion is not None:
            embedding, weights = self.fusion(streams["video"], streams["audio"], attention=attention)
            if embedding is not None:
                embedded.present["fused"] = self._fused(embedded.present["video"], embedded.present["audio"])
                embedded.vectors["fused"] = embedding
                normed = self._normed("fused", embedded, batch.speakers)
        return Output(self._joined(normed, logits, embedded.present), logits.get("video"), logits.get("audio"),
                      embedding, pooled.get("video"), pooled.get("audio"), weights, embedded)

    def classify(self, embedded: Embedded, sums: dict[str, Tensor]) -> Tensor:
        """The logits (batch, classes) of what `forward` embedded; `sums` by name as in `SpeakerNorm.by`."""
        vectors, logits = self._adapted(embedded, sums)
        return self._joined(vectors.get("fused"), logits, embedded.present)

    def classify_unimodal(self, embedded: Embedded, sums: dict[str, Tensor]) -> dict[str, Tensor]:
        """As `classify`, what each branch says by its own head."""
        return self._adapted(embedded, sums)[1]

    def _adapted(self, embedded: Embedded, sums: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        vectors = {name: self.norms[name].by(vector, sums[name]) if name in self.norms else vector
                   for name, vector in embedded.vectors.items()}
        return vectors, {name: self._head(name)(vectors[name], embedded.present[name]) for name in self.branches}

    def _joined(self, fused: Tensor | None, logits: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        if self.fusion is None:
            return logits[self.branches[0]]
        heads, there = (torch.stack([side["video"], side["audio"]], dim=1) for side in (logits, present))
        joined = self.fusion.classify(fused, heads, there)
        if not self.add_heads:
            return joined
        if self.norms:
            joined = joined.masked_fill(~present["fused"].unsqueeze(1), 0)
        return joined + heads.sum(1)  # heads of absent modalities say zeros

    def _fused(self, video: Tensor, audio: Tensor) -> Tensor:
        """(batch,): rows whose fused vector counts, from those that have video and audio.

        Where heads are added and speakers normed, these are the rows with both: a single modality's vector is unlike
        those that the classifier learned from, and its head has the answer.
        """
        return video & audio if self.norms and self.add_heads else video | audio

    def _normed(self, name: str, embedded: Embedded, speakers: Tensor) -> Tensor:
        vector = embedded.vectors[name]
        return self.norms[name](vector, speakers, embedded.present[name]) if name in self.norms else vector

    def _head(self, branch: str) -> UnimodalHead:
        return getattr(self, f"{branch}_head")


def load_network(folder: Path) -> VAER:
    """The network of a run's `best` folder; raises UserError where it is not whole."""
    try:
        with contextlib.redirect_stdout(None):  # huggingface_hub prints where it loads from
            return VAER.from_pretrained(folder)
    except NewerFormatError as error:
        raise NewerFormatError(folder, error.found, error.known) from error
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder}: config.json and model.safetensors are not those of a whole network "
                        f"({' '.join(str(error).split())[:200]}); copy the run again.") from error


def _model_config(settings: dict[str, Any]) -> ModelConfig:
    return ModelConfig(video=VideoConfig(**settings["video"]), audio=AudioConfig(**settings["audio"]),
                       fusion=FusionConfig(**settings["fusion"]),
                       speaker_norm=settings.get("speaker_norm", False))  # networks older than the setting lack it


def _tokens_of(branch: nn.Module, inputs: tuple[Tensor, Tensor], present: Tensor) -> Tokens:
    """The tokens of the rows that have the modality; the other rows are zeros outside the mask.

    Batch norm so learns from true rows alone. Where no row has the modality the branch does not run; 0 times the sum
    of its parameters keeps them in the graph of every process. Synchronised batch norm runs on no row instead, since
    its processes wait for each other.
    """
    rows = rows_of(present)
    if len(rows) == len(present):
        return branch(*inputs)
    if not len(rows) and not any(isinstance(module, nn.SyncBatchNorm) for module in branch.modules()):
        return _no_tokens(branch, len(present), present.device)
    tokens = branch(*(part[rows] for part in inputs))
    return Tokens(*(part.new_zeros(len(present), *part.shape[1:]).index_copy(0, rows, part) for part in tokens))


def _no_tokens(branch: nn.Module, batch: int, device: torch.device) -> Tokens:
    touched = sum(parameter.sum() for parameter in branch.parameters() if parameter.requires_grad) * 0
    values = torch.zeros(batch, 1, branch.out_dim, device=device) + touched
    return Tokens(values, torch.zeros(batch, 1, device=device),
                  torch.zeros(batch, 1, dtype=torch.bool, device=device))

"""Encoders of speech and their published weights: all that vaer takes from torchaudio, which gets no new features.

No other module imports it, so this is what has to be written anew where torchaudio no longer comes beside torch: the
networks with the names of their weights, and the list of published files.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn
from torchaudio import models, pipelines
from torchaudio.models.wav2vec2.wavlm_attention import WavLMSelfAttention

BUILDERS = {name: getattr(models, name) for name in (
    "wav2vec2_base", "wav2vec2_large", "wav2vec2_large_lv60k", "wav2vec2_xlsr_300m", "wav2vec2_xlsr_1b",
    "wav2vec2_xlsr_2b", "hubert_base", "hubert_large", "hubert_xlarge", "wavlm_base", "wavlm_large")}
"""Builder of a network in the sizes of each preset: what enters is `feature_extractor`, what follows `encoder`."""
build_network = models.wav2vec2_model
"""Builder of a network in sizes of one's own."""
ADDRESS = "https://download.pytorch.org/torchaudio/models/"


def has_relative_positions(attention: nn.Module) -> bool:
    """Whether a layer's attention looks at distances and takes a padding mask, as WavLM's; else it takes a square."""
    return isinstance(attention, WavLMSelfAttention)


@dataclass(frozen=True)
class Bundle:
    """Weights of an encoder that torchaudio publishes, perhaps with a head on top."""

    original: pipelines.Wav2Vec2Bundle

    @property
    def sizes(self) -> dict[str, Any]:
        """How its network is built, by the argument names of the builder."""
        return self.original._params

    @property
    def normalize(self) -> bool:
        """Whether it was trained on waveforms of mean 0 and variance 1."""
        return self.original._normalize_waveform

    @property
    def path(self) -> str:
        """The file in torch's cache."""
        return self.original._path

    @property
    def address(self) -> str:
        """Where its file is published."""
        return self.path if self.path.startswith("https") else ADDRESS + self.path

    def build(self) -> nn.Module:
        """Its network, head included, with random weights."""
        build = models.wavlm_model if self.original._model_type == "WavLM" else models.wav2vec2_model
        return build(**self.sizes)

    def fetch(self) -> dict[str, Any]:
        """Its weights, downloaded into torch's cache where they are not there yet."""
        return self.original._get_state_dict({"map_location": "cpu", "weights_only": True})


BUNDLES = {name: Bundle(bundle) for name, bundle in vars(pipelines).items()
           if isinstance(bundle, pipelines.Wav2Vec2Bundle)}
"""Those fine-tuned to write down speech (`*_ASR_*`) too: all are encoders that a preset builds."""

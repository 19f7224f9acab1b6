"""Audio-visual emotion recognition with one network, trained end to end."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaer.api import evaluate, train
    from vaer.config import Config
    from vaer.inference.predictor import Predictor, load
    from vaer.models.network import VAER
    from vaer.renderings.timeline import Timeline

    __version__: str

__all__ = ["VAER", "Config", "Predictor", "Timeline", "__version__", "evaluate", "load", "train"]

_PLACES = {"Config": "vaer.config", "Predictor": "vaer.inference.predictor", "Timeline": "vaer.renderings.timeline",
           "VAER": "vaer.models.network", "evaluate": "vaer.api", "load": "vaer.inference.predictor",
           "train": "vaer.api", "__version__": "vaer.version"}


def __getattr__(name: str) -> Any:
    """What the package offers is imported when it is first used: `import vaer` alone costs no torch."""
    if name not in _PLACES:
        raise AttributeError(f"module 'vaer' has no attribute {name!r}")
    from importlib import import_module

    if name == "__version__":  # asks git, in a clone
        return import_module("vaer.version").version()

    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

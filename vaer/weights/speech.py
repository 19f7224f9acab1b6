"""Speech encoders."""

from vaer.config import AudioConfig
from vaer.errors import UserError
from vaer.weights.records import Weights


def read_speech(source: str, config: AudioConfig) -> Weights:
    """The weights of a speech encoder for a branch of `config`; raises UserError where there are none."""
    raise UserError(f"{source}: is no speech encoder for {config.preset} that is known here.")


def describe_speech(path: str) -> Weights | None:
    """What a folder of a speech encoder is; None where it is none."""
    return None

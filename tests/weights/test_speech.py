import pytest

from vaer.config import AudioConfig
from vaer.errors import UserError
from vaer.weights.speech import describe_speech, read_speech


def test_nothing_is_known_yet():
    assert describe_speech("x") is None
    with pytest.raises(UserError, match="x: is no speech encoder"):
        read_speech("x", AudioConfig())

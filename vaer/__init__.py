"""Audio-visual emotion recognition with one network, trained end to end."""

__version__ = "0.1.0"

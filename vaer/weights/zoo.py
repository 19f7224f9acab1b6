"""Where published video weights are to be had."""

from typing import NamedTuple

PYSLOWFAST = "https://dl.fbaipublicfiles.com/pyslowfast/model_zoo/kinetics400/"
PYTORCHVIDEO = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/"


class Download(NamedTuple):
    """A published file."""

    address: str
    size: str
    """As published, or the least that its parameters take."""
    preset: str
    """The preset of the video branch that it fits."""


# Addresses as in PySlowFast's MODEL_ZOO.md and pytorchvideo/models/hub/slowfast.py; sizes are 4 bytes a parameter, but
# for the one that users have written down.
DOWNLOADS = {
    "SLOWFAST_4x16_R50.pkl": Download(f"{PYSLOWFAST}SLOWFAST_4x16_R50.pkl", "138 MB or more", "r50_4x16"),
    "SLOWFAST_8x8_R50.pkl": Download(f"{PYSLOWFAST}SLOWFAST_8x8_R50.pkl", "264 MB", "r50_8x8"),
    "SLOWFAST_8x8_R50.pyth": Download(f"{PYTORCHVIDEO}SLOWFAST_8x8_R50.pyth", "138 MB or more", "r50_8x8"),
    "SLOWFAST_8x8_R101.pyth": Download(f"{PYTORCHVIDEO}SLOWFAST_8x8_R101.pyth", "251 MB or more", "r101_101_101"),
    "SLOWFAST_16x8_R101_50_50.pyth": Download(f"{PYTORCHVIDEO}SLOWFAST_16x8_R101_50_50.pyth", "215 MB or more",
                                              "r101_50_50"),
}

"""What is done to clips to see how much of it a network bears: names, units and strengths; costs no torch."""

import math
from typing import NamedTuple

from vaer.choose import choose
from vaer.errors import UserError

ALL = "all"


class Kind(NamedTuple):
    """One way in which clips become worse."""

    what: str
    """In words."""
    unit: str
    """Of the strengths."""
    strengths: tuple[float, ...]
    """That are measured, in the order of an axis."""
    none: float
    """The strength that leaves a clip as it is."""
    needs: tuple[str, ...]
    """The modalities without which nothing happens."""


SIGNAL_TO_NOISE = (30.0, 20.0, 10.0, 0.0, -10.0)
KINDS = {
    "noise": Kind("white noise in the waveform", "SNR, dB", SIGNAL_TO_NOISE, math.inf, ("audio",)),
    "babble": Kind("four other voices in the waveform", "SNR, dB", SIGNAL_TO_NOISE, math.inf, ("audio",)),
    "opus": Kind("waveform compressed by Opus", "kbit/s", (32.0, 16.0, 8.0, 6.0), math.inf, ("audio",)),
    "blur": Kind("blurred frames", "sigma, % of the side", (1.0, 2.0, 4.0, 8.0, 16.0), 0.0, ("video",)),
    "occlusion": Kind("a grey square over the frames", "% of the area", (10.0, 20.0, 40.0, 60.0, 80.0), 0.0,
                      ("video",)),
    "low_light": Kind("less light and a sensor's noise", "stops", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), 0.0, ("video",)),
    "dropped_frames": Kind("dropped frames, the one before is shown", "% of the frames", (25.0, 50.0, 75.0, 100.0), 0.0,
                           ("video",)),
    "jpeg": Kind("frames compressed as JPEG", "quality", (50.0, 25.0, 10.0, 5.0, 1.0), math.inf, ("video",)),
    "shift": Kind("audio later than video", "ms", (-400.0, -200.0, -100.0, 100.0, 200.0, 400.0), 0.0,
                  ("video", "audio"))}


def named(text: str) -> list[str]:
    """The degradations that `all` or names with commas between stand for; raises UserError for an unknown one."""
    names = list(KINDS) if text == ALL else [name.strip() for name in text.split(",")]
    for name in names:
        choose(KINDS, name, "robustness")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"--robustness {text}: names {twice} twice; name each once.")
    return names


def possible(text: str, branches: list[str]) -> tuple[list[str], list[str]]:
    """Of the degradations that `text` names, those that a network with these branches can notice, and the others.

    Raises UserError where one that is named is none that it can notice; `all` leaves those out.
    """
    names = named(text)
    lost = [name for name in names if not set(KINDS[name].needs) <= set(branches)]
    if lost and text != ALL:
        raise UserError(f"--robustness {lost[0]}: changes {' and '.join(KINDS[lost[0]].needs)}, and the network "
                        f"answers from {' and '.join(branches)} alone; leave it out.")
    return [name for name in names if name not in lost], lost


def shown(strength: float) -> str:
    """A strength as it stands in tables: 10, -0.5."""
    return f"{strength:g}"

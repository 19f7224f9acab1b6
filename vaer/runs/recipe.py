"""What `best/` says beside the network: how clips are cut and were prepared, what training saw, its temperature."""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaer.checks import require
from vaer.config import SAMPLE_RATE, ClipConfig, Config, DataConfig
from vaer.data.corpora import name_of, provenance_note
from vaer.errors import UserError
from vaer.runs.folder import BestFolder

PREPARED = "prepare.json"
"""What `vaer prepare` leaves in its folder."""
DETECTOR = "dlib frontal face detector"
DRAWN = "drawn faces, synthetic voices"
"""What every answer of a network must say that learned from the demo corpus."""


class Lengths(NamedTuple):
    """How long the windows were that training saw, seconds."""

    median_s: float
    longest_s: float
    longest_clip_s: float
    """Of the clips that the windows were cut from."""
    clips: int
    """How many were looked at, evenly spread over the training clips."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a file becomes what the network learned from."""

    clip: ClipConfig
    views: int
    """Windows of a clip whose probabilities its evaluation averages."""
    preparation: dict[str, Any] | None
    """What prepare.json of the corpus says, with the detector; None where the network learned from whole scenes."""
    lengths: Lengths
    corpus: str
    remark: str
    """What every answer must say of what the network learned from, such as that the faces were drawn; usually empty."""
    temperature: float | None = None
    """What calibrates the answers, fitted on validation speakers; None where there were none."""
    notice: str = ""
    """What every answer must say of the network itself, such as its licence; usually empty."""

    def plain(self) -> dict[str, Any]:
        """All of it as plain values, the clip recipe apart: that is among the settings of the network already."""
        return {"views": self.views, "preparation": self.preparation, "lengths": self.lengths._asdict(),
                "corpus": self.corpus, "remark": self.remark, "temperature": self.temperature, "notice": self.notice}

    @property
    def is_drawn(self) -> bool:
        """Whether the faces that the network learned from were drawn."""
        return "drawn faces" in self.remark

    @property
    def window_s(self) -> float:
        """The length of a window in a file that is longer than what training saw."""
        return self.lengths.median_s if self.clip.window_s is None else self.clip.window_s


def preparation_of(data: DataConfig) -> dict[str, Any] | None:
    """How the corpus that `data` names was prepared, by `vaer prepare` or elsewhere; None where it was not."""
    root = Path(data.root)
    path = (root.parent if root.is_file() else root) / PREPARED
    if data.face_margin is not None:
        require(not path.is_file(), f"--data.face_margin is for faces that were cut out elsewhere, and {path} says how "
                                    f"these were; leave it out.")
        return {"margin": data.face_margin, "size": data.size, "fps": None, "detector": DETECTOR}
    if not path.is_file():
        return None
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        return dict(settings) | {"detector": DETECTOR}
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read as the settings of a preparation ({error}); prepare the corpus "
                        f"again.") from error


def recipe_of(config: Config, seconds: np.ndarray, clip_seconds: np.ndarray) -> Recipe:
    """The recipe of a run with these settings, before it has learned; `seconds` of windows that it sees, and of their
    clips, at least one.
    """
    data = config.data
    lengths = Lengths(round(float(np.median(seconds)), 4), round(float(seconds.max()), 4),
                      round(float(clip_seconds.max()), 4), len(seconds))
    return Recipe(data.clip, config.evaluate.views, preparation_of(data), lengths, name_of(data.corpus, data.root),
                  provenance_note(data.root) or DRAWN * (data.corpus == "demo"))


def read_recipe(best: BestFolder) -> Recipe:
    """What `best/` holds; raises UserError where it says less than prediction must know, or what nobody reads."""
    settings = best.settings
    if settings.get("format", 1) < 2:
        raise UserError(f"{best}: was written by an older vaer, which did not note how the clips were prepared, and "
                        f"the corpus that could tell is not where the run's config.yaml says; restore it, or train "
                        f"again.")
    clip = dict(settings["clip"])
    rate = clip.pop("sample_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise UserError(f"{best.config_path}: its network wants audio at {rate} Hz, and this vaer gives {SAMPLE_RATE} "
                        f"Hz; use the vaer that trained it.")
    try:
        return Recipe(ClipConfig(**clip), settings["views"], settings["preparation"], Lengths(**settings["lengths"]),
                      settings["corpus"], settings["remark"], settings["temperature"], settings.get("notice", ""))
    except (KeyError, TypeError) as error:
        raise UserError(f"{best.config_path}: lacks a part of its recipe ({error}); copy the run again.") from error

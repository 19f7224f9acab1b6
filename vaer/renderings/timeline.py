"""What a network says of one file over its time: the one result, from which everything else is rendered."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaer.choose import choose
from vaer.errors import NewerFormatError, UserError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
KINDS = ("probabilities", "calibrated", "video", "audio")
"""Raw probabilities, calibrated ones, and what each modality says alone."""


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The answers to a file: whole, by track, and window by window.

    `content` is what its JSON holds: `recording`, `network`, `plan`, `shots`, `tracks`, `windows`, `mean`, `notes`.
    """

    content: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the network's answers."""
        return tuple(self.content["network"]["classes"])

    @property
    def mean(self) -> dict[str, dict[str, float] | None]:
        """The mean over all windows, by their length: `probabilities`, `calibrated`, `video`, `audio`; each by class.

        None for what nothing in the file could be asked.
        """
        return self.content["mean"]

    @property
    def tracks(self) -> list[dict[str, Any]]:
        """Each face, the scene or the voice: from when to when, how sure, and its own mean."""
        return self.content["tracks"]

    @property
    def windows(self) -> list[dict[str, Any]]:
        """Every window of every track, in order, with its answers."""
        return self.content["windows"]

    @property
    def notes(self) -> list[str]:
        """What a reader must know, a sentence each."""
        return self.content["notes"]

    @property
    def prediction(self) -> str | None:
        """The likeliest class of the whole; None where nothing could be asked."""
        return likeliest(self.mean["probabilities"])

    def to_json(self) -> str:
        """All of it as text; the same answers give the same bytes."""
        return json.dumps(self.content, indent=1) + "\n"

    def to_frame(self) -> "pd.DataFrame":
        """A row a window of a track: what is known of it, the prediction, and columns such as `audio_happy`."""
        import pandas as pd

        return pd.DataFrame([flat(window, self.classes) for window in self.windows])

    def save(self, path: str | Path) -> None:
        """Write it as the ending says: .json, or one of `vaer.renderings`; raises UserError for another one."""
        from vaer.renderings import RENDERINGS

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".json":
            part = path.with_name(f"{path.name}.part")
            part.write_text(self.to_json(), encoding="utf-8")
            part.replace(path)
        else:
            choose(RENDERINGS, path.suffix.lstrip("."), "render")(self, path)

    @classmethod
    def read(cls, path: str | Path) -> "Timeline":
        """What `save` wrote as JSON; raises UserError where it is none."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            found = content["format"]
            timeline = cls(content)
            _ = timeline.classes, timeline.mean, timeline.tracks, timeline.windows, timeline.notes
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: cannot be read as a timeline ({error}); predict the file again.") from error
        if found > FORMAT:
            raise NewerFormatError(path, found, FORMAT)
        return timeline


def likeliest(probabilities: dict[str, float] | None) -> str | None:
    """The class of the highest probability; the first of equal ones."""
    return None if probabilities is None else max(probabilities, key=lambda name: probabilities[name])


def flat(window: dict[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """A window as one row: every class of every kind of answer has a column, empty where there is none."""
    row = {name: window[name] for name in ("window", "shot", "track", "start_s", "end_s", "face", "voice")}
    quality = window["quality"] or {}
    row |= {name: quality.get(name) for name in ("detected", "confidence", "side")}
    row["prediction"] = likeliest(window["probabilities"])
    for kind in KINDS:
        prefix = "" if kind == "probabilities" else f"{kind}_"
        row |= {f"{prefix}{name}": (window[kind] or {}).get(name) for name in classes}
    return row

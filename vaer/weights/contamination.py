"""Starting weights that have learned from files on which a study would be tested."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vaer.config import Config
from vaer.runs.folder import best_of
from vaer.weights.own import overlap, trained_with

# What their model cards on the Hugging Face hub say they were fine-tuned on.
KNOWN = {
    "ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition": "RAVDESS",
    "AreejB/wav2vec2-xlsr-english-speech-emotion-recognition": "RAVDESS",
    "amiriparian/ExHuBERT": "37 emotion corpora, RAVDESS, CREMA-D, SAVEE, MELD and eNTERFACE among them",
}
IN_NAMES = {r"ravdess": "RAVDESS", r"crema-?d": "CREMA-D"}  # many checkpoints are called after what they heard


def warnings_of(config: Config) -> list[str]:
    """What the weights that a run starts from may have seen of those whom it tests; every score repeats it.

    What runs among them started from is asked too, and so on: weights remember.
    """
    found = (contamination(source) or overlap(source, config.data) for source in _sources(asdict(config.model), {}))
    return [warning for warning in found if warning is not None]


def _sources(model: dict[str, Any], known: dict[str, None]) -> dict[str, None]:
    """`known`, and after it what a network of these settings starts from, directly and by way of runs."""
    branches = (model[branch].get("pretrained") for branch in ("video", "audio") if model[branch]["enabled"])
    for source in (*branches, model.get("init")):  # runs older than a setting lack it
        if source is not None and source not in known:
            known[source] = None
            earlier = trained_with(source)
            if earlier:
                _sources(earlier["model"], known)
    return known


def contamination(source: str) -> str | None:
    """A warning where weights are known to have learned from emotion corpora, by their name; None elsewhere.

    `source` is a hub name, a file, or a folder whose `config.json` tells the name it was saved under. A run of one's
    own is none of these: its split tells what it heard, unless it says itself whom it learned from, as one that is
    given away does.
    """
    best = best_of(source)
    if best is not None:
        people = best.settings.get("learned_from")
        return (f"{source} learned from {people}: scores on those among them say nothing about people never met"
                if people else None)
    for name in filter(None, (source, _saved_as(Path(source)))):
        corpora = next((corpora for known, corpora in KNOWN.items() if known.lower() in name.lower()), None) or next(
            (f"{corpus}, as its name says" for pattern, corpus in IN_NAMES.items()
             if re.search(pattern, Path(name).name, flags=re.IGNORECASE)), None)
        if corpora:
            return (f"{name} was fine-tuned on {corpora}: it has heard the speakers you would test on, and scores on "
                    f"those corpora say nothing about people never heard")
    return None


def _saved_as(folder: Path) -> str:
    """The name that transformers wrote into a folder; empty where it did not."""
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return str(content.get("_name_or_path", "")) if isinstance(content, dict) else ""

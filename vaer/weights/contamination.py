"""Published weights that have heard recordings on which a study would be tested."""

import json
import re
from pathlib import Path

# What their model cards on the Hugging Face hub say they were fine-tuned on.
KNOWN = {
    r"ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition": "RAVDESS",
    r"AreejB/wav2vec2-xlsr-english-speech-emotion-recognition": "RAVDESS",
    r"amiriparian/ExHuBERT": "37 emotion corpora, RAVDESS, CREMA-D, SAVEE, MELD and eNTERFACE among them",
    r"ravdess": "RAVDESS, as its name says",
    r"crema-?d": "CREMA-D, as its name says",
}


def contamination(source: str) -> str | None:
    """A warning where weights are known to have learned from emotion corpora, by their name; None elsewhere.

    `source` is a hub name, or a folder whose `config.json` tells the name it was saved under.
    """
    for name in (source, _saved_as(Path(source))):
        for pattern, corpora in KNOWN.items():
            if re.search(pattern, name, flags=re.IGNORECASE):
                return (f"{name} was fine-tuned on {corpora}: it has heard the speakers you would test on, and scores "
                        f"on those corpora say nothing about people never heard")
    return None


def _saved_as(folder: Path) -> str:
    """The name that transformers wrote into a folder; empty where it did not."""
    path = folder / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or unreadable: the reader of the weights says so
        return ""
    return str(content.get("_name_or_path", "")) if isinstance(content, dict) else ""

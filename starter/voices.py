"""The voices of the starter network: one table of RAVDESS, EMO-DB and nEMO, and who of them trains.

    python starter/voices.py RAVDESS EMODB NEMO data/starter_voices

RAVDESS is the folder of its waveforms (`03-*.wav` or `.flac` below `Actor_NN`); EMODB and NEMO hold a `table.csv` with
path, label and speaker. Actors 2 to 13 train, 14 to 16 select, 17 to 20 are tested, the others stay out; all of EMO-DB
and nEMO trains. Calm is neutral; boredom, which the other corpora lack, stays out. Files are named through links.
"""

import argparse
from pathlib import Path

import pandas as pd

from vaer.config import DataConfig
from vaer.data.corpora import read_corpus

SIDES = {"train": range(2, 14), "validation": range(14, 17), "test": range(17, 21)}
NAMES = {"anger": "angry", "fear": "fearful", "happiness": "happy", "sadness": "sad"}
"""What EMO-DB and nEMO call the classes of RAVDESS."""


def main(arguments: list[str] | None = None) -> None:
    """Write table.csv, sides.csv and the links."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ravdess", "emodb", "nemo", "out"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = pd.concat([rows_of(name, getattr(options, name), options.out) for name in ("ravdess", "emodb", "nemo")])
    rows.drop(columns=["side", "id"]).to_csv(options.out / "table.csv", index=False)
    rows[["id", "side"]].to_csv(options.out / "sides.csv", index=False)
    print(rows.groupby(["side", "corpus"]).size().to_string())


def rows_of(name: str, root: Path, out: Path) -> pd.DataFrame:
    """The clips of a corpus that have a side, its folder linked into `out` under its name."""
    link = out / name
    if not link.is_symlink():
        link.symlink_to(root.resolve(), target_is_directory=True)
    sides = {str(actor): side for side, actors in SIDES.items() for actor in actors}
    rows = []
    for item in read_corpus(settings(name, root)).items:
        path = Path(name) / Path(item.audio_path).relative_to(root)
        side = sides.get(item.speaker) if name == "ravdess" else "train"
        if side and item.label != "boredom":
            rows.append({"path": str(path), "label": NAMES.get(item.label, item.label), "id": str(path.with_suffix("")),
                         "speaker": f"{name} {item.speaker}", "corpus": name, "side": side})
    return pd.DataFrame(rows)


def settings(name: str, root: Path) -> DataConfig:
    """How a corpus is read."""
    if name == "ravdess":
        return DataConfig(corpus="ravdess", root=str(root), labels="calm_as_neutral")
    return DataConfig(corpus="csv", root=str(root))


if __name__ == "__main__":
    main()

"""FER2013 as this project reads it: sheets of faces are cut into files, with a table and a file of sides.

    python benchmarks/fer2013.py SHEETS data/fer2013    # SHEETS holds table.csv and sheet00.jpg to sheet35.jpg
    vaer train --data.corpus csv --data.root data/fer2013 --data.protocol data/fer2013/apart.csv ...

The official split is by files (sides.csv). Many of its photographs stand in it twice, cropped or marked otherwise, on
both sides too, and nobody says who is seen. The column `twin` says on which other side the same photograph stands:
`train`, `validation` or `none`; `vaer compare RUN --by twin` then has the accuracy with and without them. The guard of
the split refuses sides.csv, unless it is lifted. In apart.csv each photograph stands on one side: those of the test
side stay, others leave training, then validation. Writes benchmarks/results/fer2013_twins.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from rich.progress import track

from vaer.runs.provenance import machine_facts

RESULT = Path(__file__).parent / "results" / "fer2013_twins.json"
TILE, ACROSS = 48, 32  # pixels of a face; faces in a row of a sheet
SIDES = ("train", "validation", "test")
SAME = 0.9
"""Correlation of pixels from which two faces are the same photograph. Pairs that were looked at: of 24 between 0.90 and
0.96 all were one, of eight between 0.88 and 0.90 seven, of eight between 0.80 and 0.85 four."""
AT_ONCE = 512


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheets", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    rows = pd.read_csv(args.sheets / "table.csv")
    faces = cut(args.sheets, rows)
    side = rows["split"].to_numpy()
    also = on_other_sides(faces, side)
    rows["twin"] = np.select([also[name] for name in SIDES], SIDES, "none")
    rows["path"] = write_faces(faces, rows, args.out)
    rows[["path", "label", "twin"]].to_csv(args.out / "table.csv", index=False)
    sides = pd.DataFrame({"id": rows["path"].str.removesuffix(".png"), "side": rows["split"]})
    sides.to_csv(args.out / "sides.csv", index=False)
    apart = sides[~((side == "train") & (rows["twin"] != "none") | (side == "validation") & also["test"])]
    apart.to_csv(args.out / "apart.csv", index=False)
    RESULT.write_text(json.dumps(counts(rows, apart), indent=1) + "\n")
    print(f"{args.out}: {len(rows)} faces, table.csv, sides.csv, apart.csv\n{RESULT}: photographs on two sides")


def cut(folder, rows):
    """All faces (rows, 48, 48) uint8, in the order of the table."""
    faces = np.empty((len(rows), TILE, TILE), np.uint8)
    for name, group in rows.groupby("sheet"):
        sheet = np.asarray(Image.open(folder / name).convert("L"))
        for place, tile in zip(group.index, group["tile"], strict=True):
            top, left = tile // ACROSS * TILE, tile % ACROSS * TILE
            faces[place] = sheet[top:top + TILE, left:left + TILE]
    return faces


def on_other_sides(faces, side):
    """For each side whether the photograph of every face (faces,) stands on it, too; never on its own."""
    pixels = faces.reshape(len(faces), -1).astype(np.float32)
    pixels -= pixels.mean(1, keepdims=True)
    norms = np.linalg.norm(pixels, axis=1, keepdims=True)
    pixels = np.where(norms > 0, pixels / np.maximum(norms, 1e-6), 1 / TILE)  # black tiles are like one another
    found = {name: np.zeros(len(faces), dtype=bool) for name in SIDES}
    for first in track(range(0, len(faces), AT_ONCE), "photographs on two sides"):
        part = slice(first, first + AT_ONCE)
        for name in SIDES:
            found[name][part] = (pixels[part] @ pixels[side == name].T >= SAME).any(1) & (side[part] != name)
    return found


def write_faces(faces, rows, out):
    """The faces as PNG files below `out`; their paths in the table."""
    paths = [f"faces/{Path(sheet).stem}_{tile:04d}.png"
             for sheet, tile in zip(rows["sheet"], rows["tile"], strict=True)]
    (out / "faces").mkdir(parents=True, exist_ok=True)
    for path, face in zip(track(paths, "files"), faces, strict=True):
        Image.fromarray(face).save(out / path)
    return paths


def counts(rows, apart):
    """How many faces of each side stand on which other one, too, and how many each side has in apart.csv."""
    table = pd.crosstab(rows["split"], rows["twin"])
    facts = machine_facts()
    return {"same_from": SAME, "faces": rows["split"].value_counts().to_dict(),
            "also_on": {side: table.loc[side].to_dict() for side in SIDES},
            "apart": apart["side"].value_counts().to_dict(),
            **{name: facts[name] for name in ("command", "git_commit", "machine")}}


if __name__ == "__main__":
    main()

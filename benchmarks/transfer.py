"""Who trains what in benchmarks/studies/transfer.yaml: a file of sides for each of its rows, in data/transfer.

    vaer demo data/demo
    python benchmarks/transfer.py
    vaer study benchmarks/studies/transfer.yaml

Speakers 5-8 select and 1-4 are tested in all of them. benchmarks/results/transfer.json and .png hold the seeds that an
earlier script trained, with their commands.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DEMO, SIDES = ROOT / "data/demo", ROOT / "data/transfer"
TESTED, SELECT = range(1, 5), range(5, 9)  # as in fold 0 of demo24
TRAIN = {"one": range(9, 10), "few": range(9, 13), "faces": range(13, 19), "voices": range(19, 25)}


def main():
    SIDES.mkdir(parents=True, exist_ok=True)
    for name, speakers in TRAIN.items():
        rows = [f"{path.stem},{side}" for side, own in (("train", speakers), ("validation", SELECT), ("test", TESTED))
                for speaker in own for path in sorted((DEMO / f"Actor_{speaker:02d}").glob("*.mp4"))]
        (SIDES / f"{name}.csv").write_text("\n".join(["id,side", *rows]) + "\n")
        print(f"{SIDES / name}.csv: {len(rows)} clips")


if __name__ == "__main__":
    main()

"""Do branches that were trained alone help a joint network with few clips? Three seeds on the demo corpus.

    vaer demo data/demo
    python benchmarks/transfer.py

The faces of six speakers train a video branch, the voices of six others an audio branch, four more speakers (128 clips)
or the first of these (32 clips) train the joint network: from scratch, from those branches, and from those branches
frozen. Speakers 5-8 select and 1-4 are tested everywhere. Writes benchmarks/results/transfer.json and .png after each
row; rows that are there already are skipped.
"""

import json
from pathlib import Path
from statistics import mean

from measure import RESULTS, ROOT, draw, finished, row

CONFIG = "configs/demo.yaml"
DEMO, CORPORA, RUNS = Path("data/demo"), Path("data/transfer"), "runs/transfer"
EVALUATED = range(1, 9)  # of fold 0 of demo24: tested and selecting speakers
TRAINING = {"one": range(9, 10), "few": range(9, 13), "faces": range(13, 19), "voices": range(19, 25)}
CLIPS_OF_A_SPEAKER = 32
EPOCHS = {"one": "48", "few": "48", "faces": "32", "voices": "32"}  # of 2, 8, 12 and 12 steps of 16 clips
SEEDS = range(3)
ALONE = {"video branch alone": ("faces", ["--model.audio.enabled", "false"]),
         "audio branch alone": ("voices", ["--model.video.enabled", "false"])}
GOOD = 0.9  # of the validation UAR: how soon a run is there is what transfer changes most


def main():
    for name, speakers in TRAINING.items():
        make_corpus(name, [*EVALUATED, *speakers])
    path = RESULTS / "transfer.json"
    done = json.loads(path.read_text()) if path.exists() else {"rows": {}}
    for seed in SEEDS:
        if all(f"{name}, seed {seed}" in done["rows"] for name in rows(seed)):
            continue
        for name, (corpus, flags) in rows(seed).items():
            label, run = f"{name}, seed {seed}", run_of(name, seed)
            if label in done["rows"] and (name not in ALONE or finished(run)):  # others start from those alone
                continue
            shared = ["--data.root", str(CORPORA / corpus), "--train.epochs", EPOCHS[corpus], "--seed", str(seed)]
            facts = row(CONFIG, [*shared, *flags], run)
            done["rows"].setdefault(label, facts | {"epochs_to_0.9": epochs_to(GOOD, ROOT / run / "log.jsonl")})
            done["mean_uar"] = means(done["rows"])
            path.write_text(json.dumps(done, indent=1) + "\n")
            draw(done["rows"], path.with_suffix(".png"))


def rows(seed):
    """Corpus and flags of every row of the table, in the order in which they need each other."""
    started = ["--model.video.pretrained", run_of("video branch alone", seed),
               "--model.audio.pretrained", run_of("audio branch alone", seed)]
    frozen = ["--model.video.freeze", "true", "--model.audio.freeze", "true"]
    joint = {"joint from scratch": [], "joint from the branches": started,
             "joint from the branches, frozen": [*started, *frozen]}
    return ALONE | {name + suffix: (corpus, flags) for corpus, suffix in (("few", ""), ("one", ", 32 clips"))
                    for name, flags in joint.items()}


def run_of(name, seed):
    return f"{RUNS}/{name.replace(',', '').replace(' ', '_')}_{seed}"


def epochs_to(uar, log):
    """The first epoch whose validation UAR is at least `uar`; None where no epoch came so far."""
    rows = map(json.loads, log.read_text().splitlines())
    return next((row["epoch"] for row in rows if row["validation_uar"] >= uar), None)


def make_corpus(name, speakers):
    """A corpus of some of the speakers, as links into the whole one."""
    root = ROOT / CORPORA / name
    root.mkdir(parents=True, exist_ok=True)
    facts = json.loads((ROOT / DEMO / "demo.json").read_text())
    for speaker in speakers:
        link = root / f"Actor_{speaker:02d}"
        if not link.exists():
            link.symlink_to(ROOT / DEMO / link.name, target_is_directory=True)
    facts["files"] = CLIPS_OF_A_SPEAKER * len(speakers)
    (root / "demo.json").write_text(json.dumps(facts))


def means(rows):
    """The mean test UAR over the seeds that are there, for every kind of row."""
    kinds = dict.fromkeys(label.split(", seed ")[0] for label in rows)
    return {kind: round(mean(values["uar"] for label, values in rows.items() if label.split(", seed ")[0] == kind), 4)
            for kind in kinds}


if __name__ == "__main__":
    main()

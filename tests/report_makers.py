"""Folders of runs that were scored, and the pages made of them."""

import json
from pathlib import Path

import numpy as np
from makers import make_scored, tiny_config, write_video

from vaer.atomic_files import write_facts
from vaer.config import write_config
from vaer.evaluation.comparison import Row, compare_rows
from vaer.evaluation.degradations.kinds import KINDS
from vaer.evaluation.report import write
from vaer.evaluation.robustness import curves_of
from vaer.report.comparison import write_comparison
from vaer.report.page import write_report
from vaer.report.sources import read_source
from vaer.runs.folder import RunFolder


def written(folder: Path, **changes) -> RunFolder:
    """The folder of a run that was scored: eight speakers, three classes."""
    scored = make_scored(folder, **{"speakers": 8, "temperature": 1.4, "max_seconds": 10.0, "clips_cut": 0,
                                    "validation": "select"} | changes)
    write(scored, "")
    write_config(tiny_config(), folder / "config.yaml")
    write_facts(folder / "run.json", {"finished": True, "versions": {"vaer": "0.1.0"}, "pretrained": {}})
    rows = [{"epoch": epoch, "loss": 2.0 / epoch, "validation_uar": 0.2 * epoch} for epoch in (1, 2, 3)]
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return RunFolder(folder)


def measured(run: RunFolder, names: tuple[str, ...]) -> dict:
    """What a measure of robustness leaves beside the predictions; every step a little worse than the one before."""
    clean = read_source(run).scored.predicted
    speakers, clips = clean.table["speaker"].nunique(), len(clean.table) // clean.table["speaker"].nunique()
    steps = {(name, strength): make_scored(speakers=speakers, clips=clips, right=0.7 - 0.1 * place).predicted.table
             for name in names for place, strength in enumerate(KINDS[name].strengths)}
    facts = {"made_from": {}, **curves_of(clean, steps)}
    run.robustness_path().write_text("degradation,strength\n")
    write_facts(run.robustness_path().with_suffix(".json"), facts)
    return facts


def inside_made(run: RunFolder) -> dict:
    """What a look inside a network leaves there."""
    ids, rng = read_source(run).scored.predicted.table["id"].tolist(), np.random.default_rng(0)
    waves = (1 + np.sin(np.arange(40) / 4)).round(4).tolist()
    facts = {"made_from": {}, "fold": 0,
             "map": {"of": 2 * len(ids), "explained": [0.5, 0.25],
                     "points": {name: rng.normal(size=2).round(4).tolist() for name in ids}},
             "attention": [{"id": name, "times": (np.arange(40) / 20).tolist(), "weights": waves,
                            "levels": [wave / 2 for wave in waves], "seconds": 2.0} for name in ids[:2]],
             "cost": {"parameters": {"video": 1000, "audio": 2000, "fusion and heads": 500}, "flops": 1_500_000_000,
                      "seconds": 0.0125, "clip_seconds": 2.0, "frames": 8, "device": "2 threads of 2 cores"}}
    write_facts(run.inside_path(), facts)
    return facts


def everything(root: Path) -> list[Path]:
    """The page of two runs with all that a page can hold, and that of a comparison alone."""
    film = write_video(root / "film.mp4", frames=4, size=(48, 48))
    runs = [written(root / "one", speakers=12, clips=12), written(root / "two & <three>", speakers=12, clips=12,
                                                                   right=0.9, leaks=["speaker 1 stands twice"])]
    write_facts(runs[0].path / "run.json", {"finished": True, "versions": {"vaer": "0.1.0"}, "pretrained": {
        "audio": f"a checkpoint (A{'Long' * 12}Name): encoder.layers.6.input_layernorm.{'weight' * 8}"}})
    measured(runs[0], ("noise", "shift"))
    for run in runs:
        inside_made(run)
        table = run.predictions_path()
        table.write_text(table.read_text().replace("x.wav", str(film)))
        for modality in ("video", "audio"):
            run.metrics_path(f"_{modality}").write_text(run.metrics_path().read_text())
    page = write_report(runs, thumbnails=True)
    rows = [Row(run.path.name, [read_source(run).scored]) for run in runs]
    write_comparison(root / "out", compare_rows([*rows, Row("failed", [], "it went wrong")]), {})
    return [page, root / "out" / "report.html"]

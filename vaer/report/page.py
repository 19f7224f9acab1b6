"""One HTML file of everything that an evaluation found: nothing is fetched, nothing is computed but its drawing."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vaer.atomic_files import write_text
from vaer.evaluation.comparison import Row, compare_rows
from vaer.evaluation.mistakes import mistakes_of
from vaer.report import figures
from vaer.report.comparison import side_by_side
from vaer.report.sources import Source, read_source
from vaer.report.template import fill_page
from vaer.report.thumbnails import thumbnail
from vaer.runs.folder import RunFolder

MOST_ERRORS = 20
MOST_SPEAKERS = 60
"""More dots than these are not read any more."""


def write_report(runs: Sequence[RunFolder], suffix: str = "", *, thumbnails: bool = False) -> Path:
    """Write the page of scored runs into the first one's folder, and return where it is; raises UserError.

    `suffix` is what the files of this evaluation carry in their names; `thumbnails` shows frames of the surest errors.
    The same files give the same bytes.
    """
    path = runs[0].path / f"report{suffix}.html"
    write_text(path, render([read_source(run, suffix) for run in runs], thumbnails=thumbnails))
    return path


def render(sources: Sequence[Source], *, thumbnails: bool = False) -> str:
    """The page as text, each run compared with the first; names, labels and settings are escaped."""
    rows = compare_rows([Row(source.name, [source.scored]) for source in sources]) if len(sources) > 1 else []
    return fill_page(f"Emotion recognition: {', '.join(source.name for source in sources)}",
                     comparison=side_by_side(rows, {}) if rows else None,
                     sources=[_shown(source, thumbnails) for source in sources])


def _shown(source: Source, thumbnails: bool) -> dict[str, Any]:
    facts = source.scored.facts
    errors = mistakes_of(source.scored.predicted).head(MOST_ERRORS).to_dict("records")
    if thumbnails:
        errors = [row | {"thumbnail": thumbnail(row["path"])} for row in errors]
    return {"name": source.name, "facts": {"folds": None} | facts, "modalities": source.modalities,
            "sha256": source.sha256, "robustness": source.robustness, "settings": source.settings,
            "verdict": _verdict(source), "errors": errors, "thumbnails": thumbnails, "made_by": _made_by(source),
            "inside": source.inside, "cost": cost_rows(source.inside.get("cost")),
            "svg": {name: [Markup(part) for part in svg] if isinstance(svg, list) else Markup(svg)
                    for name, svg in _figures(source).items()}}


def _figures(source: Source) -> dict[str, Any]:
    facts, seen = source.scored.facts, source.inside
    chance = 1 / facts["classes_present"]
    speakers = dict(sorted(((name, row["uar"]) for name, row in facts["per_speaker"].items()),
                           key=lambda pair: (pair[1], pair[0]))[:MOST_SPEAKERS])
    bins = facts["calibration"].get("bins")
    return {"confusion": figures.confusion(facts["confusion"], facts["classes"]),
            "speakers": figures.dots(speakers, total=facts["uar"], span=(facts["intervals"] or {}).get("uar"),
                                     chance=chance, what="UAR") if speakers else "",
            "reliability": figures.reliability(bins, facts["calibration"]["bins_scaled"]) if bins else "",
            "map": figures.scatter(_places(source), seen["map"]["explained"]) if seen.get("map") else "",
            "attention": [figures.attention(*(row[name] for name in ("times", "weights", "levels", "seconds")))
                          for row in seen.get("attention", [])],
            "robustness": figures.robustness(source.robustness) if source.robustness else [],
            "curves": [figures.curves(runs, what=what) for what, runs in _curves(source).items()]}


def _places(source: Source) -> dict[str, list[tuple[float, float, bool]]]:
    """The places of a map's clips by label, and whether each is answered rightly."""
    table, points = source.scored.predicted.table.set_index("id"), source.inside["map"]["points"]
    found: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in source.scored.predicted.classes}
    for name, (x, y) in points.items():
        if name in table.index:
            label, prediction = table.loc[name, ["label", "prediction"]]
            found[label].append((x, y, label == prediction))
    return {label: places for label, places in found.items() if places}


def cost_rows(cost: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Parameters, operations and time of an answer, in words."""
    if cost is None:
        return []
    whole = sum(cost["parameters"].values())
    parts = ", ".join(f"{name} {count:,}" for name, count in cost["parameters"].items())
    clip = " and ".join([f"{cost['frames']} frames"] * (cost["frames"] is not None)
                        + [f"{cost['clip_seconds']:.2f} s of waveform"] * (cost["clip_seconds"] is not None))
    return [("parameters", f"{whole:,} ({parts})"),
            (f"operations for {clip}", f"{cost['flops'] / 1e9:.2f} GFLOP; a multiplication and an addition are two"),
            ("time of that answer", f"{1000 * cost['seconds']:.0f} ms by {cost['device']}, decoding not counted")]


def _curves(source: Source) -> dict[str, list[list[tuple[float, float]]]]:
    """What the logs have of each epoch, a list a fold."""
    names = {"training loss": "loss", "validation UAR": "validation_uar"}
    found = {what: [[(row["epoch"], row[key]) for row in log if row.get(key) is not None]
                    for log in source.logs] for what, key in names.items()}
    return {what: runs for what, runs in found.items() if any(runs)}


def _verdict(source: Source) -> list[tuple[str, str]]:
    """What a reader must know before the number."""
    facts, run = source.scored.facts, source.runs[0] if source.runs else {}
    selected = ("the validation speakers" if facts.get("validation") == "select"
                else "nothing: validation clips trained too, and the last epoch counts")
    rows = [("protocol", facts["protocol"] + (f", {facts['remark']}" if facts.get("remark") else "")),
            ("fold", ", ".join(map(str, facts["fold"])) if isinstance(facts["fold"], list) else str(facts["fold"])),
            ("what chose the epoch", selected),
            ("guard", facts["split"]),
            ("tested on", f"{facts['clips']} clips of "
                          f"{str(facts['speakers']) + ' speakers' if facts['speakers'] else 'unknown speakers'}"),
            ("classes", ", ".join(facts["classes"])),
            ("modality", facts["modality"])]
    if facts["adaptation"]:
        rows.append(("adaptation", facts["adaptation"]))
    if facts.get("clips_cut"):
        rows.append(("cut", f"{facts['clips_cut']} clips are longer than {facts['max_seconds']:g} s and were cut to "
                            f"their middle"))
    return [*rows, ("began with", _beginning(run))]


def _beginning(run: dict[str, Any]) -> str:
    """What the network started from."""
    if run.get("started_from"):
        return without_folders(f"the run {run['started_from']}")
    return without_folders("; ".join(f"{branch}: {report}" for branch, report in (run.get("pretrained") or {}).items())
                           ) or "random weights"


def without_folders(text: str) -> str:
    """The text with the last name of every path in it alone: a page may be given away."""
    return re.sub(r"(?:[\w.~-]*/)+([\w.-]+)", r"\1", text)


def _made_by(source: Source) -> str:
    run = source.runs[0] if source.runs else {}
    versions = ", ".join(f"{name} {version}" for name, version in (run.get("versions") or {}).items() if version)
    commit = run.get("git_commit")
    return f"{versions}{f'; commit {commit}' if commit else ''}" or "not known"

"""The table of a study: each row scored over its folds and seeds, and what is known of every run."""

from typing import Any

from vaer.atomic_files import write_facts
from vaer.evaluation.comparison import Row as Line
from vaer.evaluation.comparison import compare_rows
from vaer.evaluation.product import product
from vaer.evaluation.saved import read_scored
from vaer.evaluation.scored import Scored
from vaer.report.comparison import show_comparison, write_comparison
from vaer.studies.folder import StudyRun
from vaer.studies.plan import Place, Plan, Row, product_places
from vaer.studies.reading import MODALITIES, NAMES, PARTS, PRODUCT
from vaer.words import counted

ALONE = {modality: NAMES[modality] for modality in MODALITIES}
FACTS = ("epochs", "best_epoch", "best_validation_uar", "parameters", "git_commit", "versions", "machine", "device",
         "precision", "decoder")
"""What run.json says that a reader of the study needs."""


def write_table(plan: Plan) -> None:
    """Print the table of a study, and write it into its folder: table.md, .csv, .tex, scores.png, .pdf, report.html.

    The same runs give the same bytes. Beside them, study.json says of every run what it took and where it lies.
    """
    scores = compare_rows(lines(plan))
    show_comparison(scores, {})
    write_comparison(plan.output, scores, {})
    write_facts(plan.output / "study.json", facts(plan))
    print(f"{plan.output}: table.md, .csv and .tex, scores.png and .pdf, report.html; study.json names every run")


def lines(plan: Plan) -> list[Line]:
    """The lines of the table: the whole network, each branch alone, their product, then the study's own rows."""
    first = [plan.parts[part] for part in PARTS if part in plan.parts]
    found = [line for name in first for line in _lines_of(plan, plan.rows[name])]
    product_line = _product(plan)
    found += [product_line] if product_line is not None else []
    return found + [line for row in plan.rows.values() if row.name not in first and row.in_table
                    for line in _lines_of(plan, row)]


def _lines_of(plan: Plan, row: Row) -> list[Line]:
    """A row, and the same networks with one modality alone where they were scored so."""
    return [_line(plan, row, row.name, "")] + [_line(plan, row, f"{row.name}, {ALONE[modality]} at test time",
                                                     f"_{modality}") for modality in row.modalities]


def _line(plan: Plan, row: Row, name: str, suffix: str) -> Line:
    failed = _failure(plan, row.name, row.runs)
    if failed:
        return Line(name, [], failed)
    return Line(name, [read_scored(plan.runs[key].folder.path, suffix) for key in row.runs.values()])


def _failure(plan: Plan, name: str, runs: dict[Place, str]) -> str:
    """Why a row has no score, in words: a mean without a run that failed would be of something else."""
    odd = {place: StudyRun(plan.runs[key].folder.path) for place, key in runs.items()}
    odd = {place: run for place, run in odd.items() if run.state() != "finished" or not run.is_scored()}
    if not odd:
        return ""
    place, run = next(iter(odd.items()))
    reason = (run.reason() or "it was not trained and scored to its end").rstrip(".")
    return f"{len(odd)} of {counted(len(runs), 'run')}, first fold {place.fold}, seed {place.seed}: {reason}"


def _product(plan: Plan) -> Line | None:
    """The product of what both branches trained alone answer; None in a study of one branch."""
    places = product_places(plan)
    if not places:
        return None
    names = [plan.parts[part] for part in MODALITIES]
    failed = [f"{name}: {why}" for name in names if (why := _failure(plan, name, plan.rows[name].runs))]
    if failed:
        return Line(PRODUCT, [], "; ".join(failed))
    return Line(PRODUCT, [product([_scored(plan, key) for key in keys], names) for keys in places.values()])


def _scored(plan: Plan, key: str) -> Scored:
    return read_scored(plan.runs[key].folder.path)


def facts(plan: Plan) -> dict[str, Any]:
    """What is known of every run, in the order of their numbers."""
    return {"study": str(plan.path), "parts": plan.parts,
            "runs": [_facts(plan, number, key) for number, key in enumerate(plan.runs)]}


def _facts(plan: Plan, number: int, key: str) -> dict[str, Any]:
    folder = StudyRun(plan.runs[key].folder.path)
    known = folder.run.facts()
    work = folder.work()
    return {"number": number, "rows": [{"row": name, **place._asdict()} for name, place in plan.places_of(key)],
            "folder": f"{folder.path.parent.name}/{key}", "state": folder.state(), "reason": folder.reason(),
            **{name: known[name] for name in FACTS if name in known},
            "epoch_s": folder.epoch_s(), "peak_bytes": max((one.peak_bytes for one in work), default=None),
            "identity": {name: value for name, value in plan.runs[key].content.items() if name != "settings"}}

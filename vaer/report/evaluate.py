"""The command `vaer evaluate`: its flags, the scores, and the page of what was found."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from vaer.announce import print_first, scoring_plan
from vaer.checks import require
from vaer.config import add_flags, config_of
from vaer.evaluation.degradations.kinds import ALL
from vaer.evaluation.options import Options

BARE = "--robustness"


def fill(parser: ArgumentParser) -> None:
    """Give the parser the flags; costs no torch."""
    parser.add_argument("runs", nargs="+", type=str,
                        help="Folders of runs that trained; a folder of folds is scored as one, over all its clips.")
    parser.add_argument("--pool", type=str | None, default=None,
                        help="Score all the runs as folds of one evaluation, each clip once, into this folder.")
    parser.add_argument("--report", action="store_true",
                        help="Write report.html, a page of all that was found, into the folder of the first run.")
    parser.add_argument("--thumbnails", action="store_true",
                        help="Show frames of the surest errors in the report: faces are personal data.")
    add_flags(parser, Options)


def arrange(arguments: list[str]) -> list[str]:
    """The same, with `--robustness` as `--robustness all` where a flag, a folder or nothing follows it."""
    arranged = []
    for word, following in zip(arguments, [*arguments[1:], "--"], strict=False):
        arranged.append(word)
        if word == BARE and (following.startswith("--") or Path(following).exists()):
            arranged.append(ALL)
    return arranged


def run(parser: ArgumentParser, parsed: Namespace) -> None:
    """Score the runs, and write the page where it is asked for; raises UserError or RunError."""
    options = config_of(parser, parsed, Options)
    require(parsed.report or not parsed.thumbnails, "--thumbnails: are frames in the page of --report; give both.")
    runs = [Path(run) for run in parsed.runs]
    print_first(scoring_plan(runs, options.modality))
    from vaer.evaluation.run import evaluate  # costs torch, which a flag that is wrong does not

    evaluate(runs, options, Path(parsed.pool) if parsed.pool else None)
    if parsed.report:
        from accelerate import PartialState

        from vaer.evaluation.inside import write_inside
        from vaer.report.page import write_report
        from vaer.runs.folder import RunFolder

        if PartialState().is_main_process:
            folders = [RunFolder(run) for run in runs]
            for folder in folders:
                write_inside(folder, options)
            page = write_report(folders, options.suffix, thumbnails=parsed.thumbnails)
            print(f"{page}: open it in a browser")

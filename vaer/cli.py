"""The command `vaer`: one table of subcommands, and the one place where errors become a sentence."""

import glob
import itertools
import os
import select
import sys
import textwrap
from argparse import ArgumentError
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jsonargparse import ArgumentParser, Namespace

from vaer.announce import print_first, training_plan
from vaer.config import add_flags, add_settings, config_of
from vaer.demo.commands import fill_compose, fill_demo, fill_redraw, run_compose, run_demo, run_redraw
from vaer.errors import RunError, UserError
from vaer.explain import config_files, explained, nearest
from vaer.recipes import find_recipes
from vaer.short_help import ALL, asks_for_help, short_help
from vaer.version import version


class Command(NamedTuple):
    """A subcommand: its sentence, what fills its parser, what it does with what was read."""

    about: str
    fill: Callable[[ArgumentParser], None]
    run: Callable[[ArgumentParser, Namespace], None]
    short: tuple[str, ...] = ()
    """The settings that --help shows, where all of them are too many to read; --help all shows those."""
    arrange: Callable[[list[str]], list[str]] = list
    """What becomes of the arguments before they are read."""


ANSWERS = {True: "timelines", False: "starter_timelines"}  # with and without a run: a folder holds those of one network
PIPE_STATUS = 128 + 13  # of a program that SIGPIPE ends
USUAL = ("config", "output", "seed", "data.corpus", "data.root", "data.protocol", "data.fold", "data.num_frames",
         "data.size", "model.video.enabled", "model.video.preset", "model.video.pretrained", "model.audio.enabled",
         "model.audio.preset", "model.audio.pretrained", "model.fusion.kind", "train.epochs", "train.batch_size",
         "train.lr", "train.mixed_precision", "train.resume")
"""The settings of training that people change first."""


def main(arguments: list[str] | None = None) -> None:
    """Run a subcommand; ends the process with status 2 for wrong input and 1 for a failed run, one sentence each.

    Where nobody reads on (`vaer check FOLDER | head`) it ends without a word, as programs do that the signal ends.
    """
    try:
        try:
            _main(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would fail once more at the end
        sys.exit(PIPE_STATUS)


def _nobody_reads() -> bool:
    """Whether standard output is a pipe without a reader."""
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in watch.poll(0))


def _main(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return
    if arguments[0] == "--version":
        print(version())
        return
    parser = None
    try:
        command = _command(arguments[0])
        parser = ArgumentParser(prog=f"vaer {arguments[0]}", description=command.about, exit_on_error=False,
                                allow_abbrev=False)
        command.fill(parser)
        if asks_for_help(arguments[1:]):
            print(short_help(parser, command.short) if command.short and not set(arguments[1:]) & ALL
                  else parser.format_help())
            return
        command.run(parser, _parsed(parser, command.arrange(arguments[1:])))
    except ArgumentError as error:
        _end(2, explained(error, parser, arguments))
    except UserError as error:
        _end(2, str(error))
    except RunError as error:
        _end(1, str(error))
    except BrokenPipeError:
        raise
    except (OSError, ImportError, RuntimeError, AttributeError) as error:
        if isinstance(error, OSError) and error.filename is not None:  # no permission, a full disk, a file for a folder
            _end(2, f"{error.filename}: {error.strerror}; look at that path, its permissions and the room on its disk.")
        from vaer.doctor.libraries import what_does_not_load  # libraries that do not fit together raise any of these

        broken = what_does_not_load()
        if broken is None:
            raise
        _end(1, broken)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [line for name, command in COMMANDS.items()
             for line in textwrap.wrap(command.about, 79, initial_indent=f"  {name:{width}}  ",
                                       subsequent_indent=" " * (width + 4))]
    return "\n".join([f"vaer {version()}: emotion recognition from face and voice", "", *lines, "",
                      "vaer COMMAND --help lists the flags of a command."])


def _command(name: str) -> Command:
    if name not in COMMANDS:
        near = nearest(name, COMMANDS)
        raise UserError(f"vaer {name}: there is no such command; choose from {', '.join(COMMANDS)}"
                        + (f"; did you mean {near}?" if near else "."))
    return COMMANDS[name]


def _end(status: int, message: str) -> None:
    print(f"vaer: {message}", file=sys.stderr)
    sys.exit(status)


def _parsed(parser: ArgumentParser, arguments: list[str]) -> Namespace:
    try:
        return parser.parse_args(arguments)
    except UnicodeDecodeError as error:
        raise UserError(f"{' or '.join(config_files(arguments))}: is not UTF-8 ({error.reason} at byte {error.start}); "
                        f"save it again as that.") from error


def _train(parser: ArgumentParser, parsed: Namespace) -> None:
    config = config_of(parser, parsed)
    print_first(training_plan(config))
    from vaer.training.folds import train_folds  # costs torch, which --help does not

    train_folds(config)


def _fill_evaluate(parser: ArgumentParser) -> None:
    from vaer.report.evaluate import fill

    fill(parser)


def _arrange_evaluate(arguments: list[str]) -> list[str]:
    from vaer.report.evaluate import arrange

    return arrange(arguments)


def _evaluate(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.report.evaluate import run

    run(parser, parsed)


def _fill_compare(parser: ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=str,
                        help="Runs that were evaluated: RUN, RUN:audio (what the evaluation of that name left), "
                             "RUN:product (of its branches' posteriors), RUN,RUN:product, or NAME=RUN to name a row.")
    parser.add_argument("--by", nargs="+", type=str, default=[],
                        help="Attributes of the clips, such as intensity, sex or statement, by which to score as well.")
    parser.add_argument("--out", type=str | None, default=None,
                        help="The folder for the table (.md, .csv, .tex) and its figure (.png, .pdf).")
    parser.add_argument("--errors", type=bool, default=False,
                        help="Write errors.csv into --out: the clips that each row answers wrongly, the surest first.")


def _compare(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.report.compare import compare

    compare(parsed.runs, by=parsed.by, out=Path(parsed.out) if parsed.out else None, errors=parsed.errors)


def _add_asking(parser: ArgumentParser, result: str) -> None:
    """The flags of commands that ask a trained network; `result` is what they get of each window."""
    parser.add_argument("--step_s", type=float | None, default=None,
                        help="Seconds from one window of a long file to the next; none takes half a window.")
    parser.add_argument("--batch_size", type=int, default=16, help=f"Windows asked at once; no {result} depends on it.")
    parser.add_argument("--device", type=str | None, default=None,
                        help="Where the network computes, such as cpu or cuda:1; none takes a GPU where there is one.")


def _fill_predict(parser: ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", type=str,
                        help="The folder of a run that trained, or its best/, which may be left out: then the starter "
                             "network answers, where it is installed (docs/starter.md). After it files, folders, "
                             "patterns in quotes, or lists (.txt, a path a line); of any length.")
    parser.add_argument("--out", type=str | None, default=None,
                        help=f"The folder for the answers, a JSON a file, named after it; none takes {ANSWERS[True]}, "
                             f"or {ANSWERS[False]} where no run is named.")
    parser.add_argument("--render", nargs="+", type=str, default=[],
                        help="What else to make of each answer, such as csv, png, srt or vtt (docs/predict.md).")
    _add_asking(parser, "answer")


def _files_before_flags(arguments: list[str]) -> list[str]:
    """The same, with files that stand between or after flags before them: what counts is which name comes first.

    `--render csv` would take files for renderings. After `--` all is a file.
    """
    files, flags, words = [], [], list(arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            files += [f"./{name}" if name.startswith("-") else name for name in words]
            break
        if word == "--render":
            values = list(itertools.takewhile(lambda value: not value.startswith("--"), words))
            del words[:len(values)]
            files += filter(_is_file_to_answer, values)
            flags += [word, *itertools.filterfalse(_is_file_to_answer, values)]
        elif word.startswith("--"):
            takes_next = "=" not in word and words and not words[0].startswith("--")
            flags += [word, *([words.pop(0)] if takes_next else [])]
        else:
            files.append(word)
    return files + flags


def _is_file_to_answer(word: str) -> bool:
    """Whether a word after --render is a file, and no rendering."""
    from vaer.renderings import RENDERINGS

    return word not in RENDERINGS and (os.path.exists(word) or glob.has_magic(word))


def _predict(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.inference.inputs import run_and_files

    run, files = run_and_files(parsed.inputs)  # before torch is loaded
    from vaer.inference.predictor import load
    from vaer.inference.run import predict_files

    predictor = load(run, device=parsed.device, step_s=parsed.step_s, batch_size=parsed.batch_size)
    predict_files(predictor, files, Path(parsed.out or ANSWERS[run is not None]), renderings=parsed.render)


def _fill_embed(parser: ArgumentParser) -> None:
    parser.add_argument("run", type=str, help="The folder of a run that trained, or its best/.")
    parser.add_argument("inputs", nargs="+", type=str,
                        help="Files, folders (a corpus, say), patterns in quotes, or lists (.txt, a path a line).")
    parser.add_argument("--out", type=str, default="vectors.npz", help="The file for the vectors, .npz or .parquet.")
    _add_asking(parser, "vector")


def _embed(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.inference.predictor import load
    from vaer.inference.vectors import embed_files

    predictor = load(parsed.run, device=parsed.device, step_s=parsed.step_s, batch_size=parsed.batch_size)
    embed_files(predictor, parsed.inputs, Path(parsed.out))


def _fill_study(parser: ArgumentParser) -> None:
    parser.add_argument("study", type=str, help="A YAML file: base, rows, folds, seeds (docs/studies.md).")
    parser.add_argument("--output", type=str | None, default=None,
                        help="The folder of the study; none takes what the file says, or else runs/studies/NAME.")
    parser.add_argument("--dry_run", "--dry-run", type=bool, default=False, nargs="?", const=True,
                        help="Only tell the runs, how far they are and how long they will take.")
    parser.add_argument("--measure", type=bool, default=False, nargs="?", const=True,
                        help="Begin one run of each row for an epoch, which it keeps, and tell how long all will take.")
    parser.add_argument("--count", type=bool, default=False, nargs="?", const=True,
                        help="Only print how many runs there are.")
    parser.add_argument("--index", type=int | None, default=None,
                        help="Train the run of this number, from 0, alone: for job arrays; it is scored with all.")
    parser.add_argument("--keep_code", type=bool, default=False, nargs="?", const=True,
                        help="After a change of vaer's code: what the code of before has trained goes on counting.")
    parser.add_argument("--jobs", type=int | None, default=None,
                        help="Runs at once; none takes what cores, memory and GPUs bear.")
    parser.add_argument("--threads", type=int | None, default=None,
                        help="Threads of arithmetic of a run, kept for the whole study; none shares the cores out.")
    parser.add_argument("--scheduler", type=str | None, default=None,
                        help="The address of a Dask scheduler (tcp://HOST:8786) whose workers do the runs.")


def _study(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.studies.run import StudyOptions, study

    options = StudyOptions(**{name: getattr(parsed, name) for name in StudyOptions._fields})
    study(Path(parsed.study), parsed.output, options)


def _fill_prepare(parser: ArgumentParser) -> None:
    from vaer.prepare.settings import PrepareConfig

    parser.add_argument("source", type=str, help="The folder of the raw files, at any depth.")
    parser.add_argument("target", type=str, help="The folder to write to: mp4 and flac, manifest.csv, report/.")
    add_flags(parser, PrepareConfig)
    parser.add_argument("--processes", type=int | None, default=None,
                        help="Processes that work; none takes one for each core that it may use.")
    parser.add_argument("--scheduler", type=str | None, default=None,
                        help="The address of a Dask scheduler (tcp://HOST:8786) whose workers do the work.")


def _prepare(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.prepare.run import prepare
    from vaer.prepare.settings import PrepareConfig

    prepare(Path(parsed.source), Path(parsed.target), config_of(parser, parsed, PrepareConfig),
            processes=parsed.processes, scheduler=parsed.scheduler)


def _fill_check(parser: ArgumentParser) -> None:
    parser.add_argument("root", type=str, help="The folder of the files, at any depth, or one file.")
    parser.add_argument("--processes", type=int | None, default=None,
                        help="Processes that decode; none takes one for each core that it may use.")
    parser.add_argument("--timeout_s", type=float, default=600.0,
                        help="Processor time that a file may take for every minute of it, seconds; beyond that it is "
                             "given up, and named.")


def _check(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.prepare.check import check

    check(Path(parsed.root), processes=parsed.processes, timeout_s=parsed.timeout_s)


def _fill_weights(parser: ArgumentParser) -> None:
    parser.add_argument("source", type=str,
                        help="A file or a folder of weights, the folder of a run, or the name of a torchaudio bundle.")


def _weights(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.weights import describe

    print("\n".join(describe(parsed.source)))


def _fill_curves(parser: ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=str,
                        help="Folders of runs, finished or not; seeds and folds of the same settings become one band.")
    parser.add_argument("--out", type=str | None, default=None,
                        help="Name of both files without .png and .pdf; none takes RUN/curves of the first run.")


def _curves(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.report.curves import draw

    out = Path(parsed.out) if parsed.out else Path(parsed.runs[0]) / "curves"
    print("\n".join(draw([Path(run) for run in parsed.runs], out)))


def _fill_doctor(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON, for a report of a fault.")


def _doctor(parser: ArgumentParser, parsed: Namespace) -> None:
    from vaer.doctor.report import doctor

    sys.exit(doctor(as_json=parsed.json))


COMMANDS = {
    "train": Command("Train the network on a corpus.", add_settings, _train, USUAL, find_recipes),
    "evaluate": Command("Score runs on the test speakers of their protocol.", _fill_evaluate, _evaluate,
                        arrange=_arrange_evaluate),
    "demo": Command("Render the demo corpus: drawn talking faces with a synthetic voice.", fill_demo, run_demo),
    "study": Command("Train and score rows of settings over folds and seeds, into one table.", _fill_study, _study),
    "compare": Command("Compare evaluated runs: intervals, paired differences, tables and figures.", _fill_compare,
                       _compare),
    "curves": Command("Draw what runs learned, epoch by epoch; seeds and folds as a band.", _fill_curves, _curves),
    "predict": Command("Ask the starter network, or that of a run, about files of any length.", _fill_predict, _predict,
                       arrange=_files_before_flags),
    "embed": Command("Write the vectors of files by the network of a run.", _fill_embed, _embed),
    "redraw": Command("Draw the faces of RAVDESS takes from their action units, with the recorded audio.", fill_redraw,
                      run_redraw),
    "compose": Command("Give each take of a voice corpus a still face of its emotion, of another person.",
                       fill_compose, run_compose),
    "prepare": Command("Turn raw files into checked, compact clips of a face.", _fill_prepare, _prepare),
    "check": Command("Decode every file of a folder to its end and name the broken ones.", _fill_check, _check),
    "weights": Command("Say what a file of weights is and which settings fit it.", _fill_weights, _weights),
    "doctor": Command("Say what this machine has for training and what is missing.", _fill_doctor, _doctor),
}

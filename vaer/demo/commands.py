"""The commands that make clips with faces from elsewhere than a camera: `vaer demo`, `vaer redraw`, `vaer compose`."""

from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, Namespace

from vaer.config import read_config


def fill_demo(parser: ArgumentParser) -> None:
    """The flags of `vaer demo`."""
    parser.add_argument("root", type=str, help="The folder to write to.")
    parser.add_argument("--task", type=Literal["emotion", "moment", "units"], default="emotion",
                        help="emotion: face and voice together tell one of eight emotions; moment: which of four "
                             "expressions was shown while the voice was raised; units: which of fourteen action units "
                             "is raised.")
    parser.add_argument("--processes", type=int | None, default=None,
                        help="Processes that render; none takes one for each core that it may use.")


def run_demo(parser: ArgumentParser, parsed: Namespace) -> None:
    """Render the demo corpus."""
    from vaer.demo.render import render_corpus

    render_corpus(Path(parsed.root), task=parsed.task, processes=parsed.processes)


def fill_redraw(parser: ArgumentParser) -> None:
    """The flags of `vaer redraw`."""
    parser.add_argument("root", type=str, help="The folder to write to: mp4 files with the names of RAVDESS.")
    parser.add_argument("--sound", type=str, required=True, help="The folder of RAVDESS whose audio is kept.")
    parser.add_argument("--action_units", "--action-units", type=str, required=True,
                        help="A CSV with a row a take: file, and the means of OpenFace's AUxx_r and AUxx_c.")
    parser.add_argument("--size", type=int, default=96, help="Width and height of the frames, pixels.")
    parser.add_argument("--seed", type=int, default=1, help="What looks and motion are drawn from; the demo's is 0.")
    parser.add_argument("--processes", type=int | None, default=None,
                        help="Processes that draw; none takes one for each core that it may use.")


def run_redraw(parser: ArgumentParser, parsed: Namespace) -> None:
    """Draw the faces of takes."""
    from vaer.demo.redraw import redraw

    redraw(Path(parsed.root), sound=Path(parsed.sound), action_units=Path(parsed.action_units), size=parsed.size,
           seed=parsed.seed, processes=parsed.processes)


def fill_compose(parser: ArgumentParser) -> None:
    """The flags of `vaer compose`."""
    parser.add_argument("root", type=str, help="The folder to write to: mp4 files, table.csv, sides.csv.")
    parser.add_argument("--voices", type=str, required=True,
                        help="A YAML file of settings whose section data names the corpus of voices, and who trains.")
    parser.add_argument("--faces", type=str, required=True,
                        help="One whose section data names a corpus of still faces of the same labels.")
    parser.add_argument("--size", type=int, default=96, help="Width and height of the frames, pixels.")
    parser.add_argument("--copies", type=int, default=1, help="Clips of each take, with a face each.")
    parser.add_argument("--seed", type=int, default=0, help="What faces and motion are drawn from.")
    parser.add_argument("--processes", type=int | None, default=None,
                        help="Processes that write; none takes one for each core that it may use.")


def run_compose(parser: ArgumentParser, parsed: Namespace) -> None:
    """Give takes of voices still faces."""
    from vaer.demo.compose import compose

    voices, faces = (read_config(Path(path)).data for path in (parsed.voices, parsed.faces))
    compose(Path(parsed.root), voices, faces, size=parsed.size, copies=parsed.copies, seed=parsed.seed,
            processes=parsed.processes)

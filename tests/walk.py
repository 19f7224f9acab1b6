"""The commands of the demo's path, run as README and pages print them: `make walk`, six minutes on two cores.

No part of `make test`. All other command lines are parsed by tests/test_docs.py, and not run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import blocks, command_lines

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/predict.md", "docs/curves.md")
OTHERS = r"--robustness|--train\.tracker"  # a quarter of an hour; packages that are no part of the set-up
BAR = 0.85
"""UAR of the demo network on speakers that it never met; chance is 0.125."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a clone holds, linked, and nothing that was rendered or trained before; film.mp4 and its like beside it."""
    made = tmp_path_factory.mktemp("clone")
    for name in ("train.py", "evaluate.py", "configs"):
        (made / name).symlink_to(ROOT / name)
    return made


def run(words, folder):
    """A line of a shell in the environment of this interpreter; what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", words], cwd=folder, capture_output=True, text=True,
                          env=os.environ | {"PATH": path, "MPLBACKEND": "agg"})
    assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


def of_the_demo(page):
    """The command lines of a page that name the demo's corpus or run, one a line."""
    return [line for line in command_lines(ROOT / page) if re.search(r"(runs|data)/demo\b|configs/demo\.yaml", line)
            and not re.search(OTHERS, line)]


def test_the_commands_of_the_demo_do_what_the_pages_say(folder):
    first, *later = (line for page in PAGES for line in of_the_demo(page))
    assert first.startswith("vaer demo data/demo")
    run(first, folder)
    for name in ("film.mp4", "interviews/a.mp4", "more/b.mov"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(sorted((folder / "data/demo").rglob("*.mp4"))[len(name)], folder / name)
    (folder / "list.txt").write_text("film.mp4\n")
    assert "CC BY-NC-SA 4.0" in run("vaer predict film.mp4", folder)  # README's first example
    assert (folder / "starter_timelines/film.mp4.json").is_file()
    for line in later:
        said = run(line, folder)
        assert "Traceback" not in said, line
        assert "Warning" not in said, f"{line}\n{said}"
    assert json.loads((folder / "runs/demo/metrics.json").read_text())["uar"] > BAR
    assert (folder / "timelines/film.mp4.json").is_file()
    assert len(list((folder / "answers").glob("*.srt"))) == 3
    assert (folder / "runs/demo/curves.png").is_file()
    run("python evaluate.py runs/demo --report", folder)
    assert (folder / "runs/demo/report.html").is_file()
    program = blocks(ROOT / "README.md", "python")[0]
    (folder / "ask.py").write_text(program)
    run("python ask.py", folder)
    assert (folder / "film.png").is_file()

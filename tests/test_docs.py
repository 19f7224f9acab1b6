"""What the pages say exists."""

import ast
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from jsonargparse import ArgumentParser
from pages import command_lines

from vaer.cli import COMMANDS
from vaer.config import AudioConfig, DataConfig, FusionConfig, VideoConfig
from vaer.data.protocols import SPEAKER_DEPENDENT, published
from vaer.models.audio.hf_encoder import ENCODERS
from vaer.presets import AUDIO_PRESETS, VIDEO_PRESETS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "starter/README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOREIGN = {"--quiet", "--num_cpu_threads_per_process", "--config_file", "--help", "--help_all", "--version",
           "--logdir", "--shm-size", "--partition", "--gpus"}  # of others


def known_flags():
    flags = {flag for script in (ROOT / "benchmarks").glob("*.py")
             for flag in re.findall(r'"(--[a-z_]+)"', script.read_text(encoding="utf-8"))}
    for command in COMMANDS.values():
        parser = ArgumentParser()
        command.fill(parser)
        flags |= {option for action in parser._actions for option in action.option_strings}
    return flags


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_command_file_and_link_exists(page):
    text = page.read_text(encoding="utf-8")
    flags = set(re.findall(r"(?<![\w-])--[a-z_]+(?:-[a-z]+)*(?:\.[a-z_]+)*", text))
    assert flags - known_flags() - FOREIGN == set()
    commands = set(re.findall(r"^\s*vaer ([a-z]+)|`vaer ([a-z]+)", text, flags=re.MULTILINE))
    assert {one or other for one, other in commands} <= set(COMMANDS)
    for name in re.findall(r"configs/[\w/]+\.yaml", text):
        assert (ROOT / name).is_file(), name
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (page.parent / link).exists(), link
    settings = {flag.lstrip("-") for flag in known_flags()} | {"evaluate.py"}
    named = set(re.findall(r"`((?:data|model|train|evaluate)\.[a-z_.]+)`", text))
    assert named <= settings


@pytest.mark.parametrize(("page", "names"), [
    ("corpora.md", [*get_args(DataConfig.__annotations__["corpus"]), *published(), *SPEAKER_DEPENDENT]),
    ("models.md", [*VIDEO_PRESETS, *AUDIO_PRESETS, *ENCODERS, *get_args(AudioConfig.__annotations__["kind"]),
                   *get_args(VideoConfig.__annotations__["kind"]),
                   *get_args(FusionConfig.__annotations__["kind"])])])
def test_every_choice_has_its_row(page, names):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "Makefile", *sorted((ROOT / "configs").glob("*.yaml"))],
                         ids=lambda page: page.name)
def test_launched_commands_neither_warn_nor_end_in_a_traceback_of_accelerate(page):
    """Which it adds to our sentence without --quiet, and warns of threads where it counts them itself."""
    text = re.sub(r"\\\n[#\s]*", " ", page.read_text(encoding="utf-8"))
    for command in re.findall(r"accelerate launch (--.*)", text):
        assert "--quiet" in command, command
        assert "cpu.yaml" not in command or "--num_cpu_threads_per_process" in command, command


def test_the_two_commands_stand_first():
    first = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1]
    assert "make demo" in first
    assert "make test" in first


def commands_of(page):
    """The command lines of vaer in the bash blocks of a page, as lists of words; train.py and evaluate.py too."""
    for line in command_lines(page):
        words = [word.replace("$seed", "0") for word in shlex.split(line, comments=True) if word != "$SETTINGS"]
        for name, start in (("vaer", 1), ("train.py", 0), ("evaluate.py", 0)):
            if name in words:
                rest = words[words.index(name) + start:]
                yield [rest[0].removesuffix(".py"), *rest[1:]]


COMMAND_LINES = [(page.name, words) for page in PAGES for words in commands_of(page)]


@pytest.mark.parametrize(("page", "words"), COMMAND_LINES, ids=[f"{page}: {' '.join(words)}"
                                                                for page, words in COMMAND_LINES])
def test_every_command_line_is_understood(page, words, monkeypatch):
    monkeypatch.chdir(ROOT)
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    COMMANDS[words[0]].fill(parser)
    parser.parse_args(COMMANDS[words[0]].arrange(words[1:]))


def test_command_lines_are_found():
    assert ("demo.md", ["demo", "data/demo"]) in COMMAND_LINES
    assert ("README.md", ["evaluate", "runs/demo"]) in COMMAND_LINES


def texts_of_sources():
    """Every text in the package, the parts of an f-string with "..." for what is filled in."""
    for path in (ROOT / "vaer").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_error_that_the_page_lists_is_said():
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/errors.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    assert len(quoted) > 20
    known = "\n".join(texts_of_sources())
    assert [text for text in quoted if text not in known] == []

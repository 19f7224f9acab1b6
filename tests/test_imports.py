"""Which module may import which: rooms stand on one another, and nothing reaches up or around."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(ROOT.glob("vaer/**/*.py"))
ABOVE = {"api", "cli"}  # these may import whatever they offer; nothing imports them
BASE = {path.stem for path in SOURCES if path.parent == ROOT / "vaer" and path.stem != "__init__"} - ABOVE
MAY_IMPORT = {  # room: those under it, beside the modules of BASE
    "media": set(),
    "data": {"media"},
    "models": set(),
    "runs": {"data"},
    "weights": {"data", "models", "runs"},
    "prepare": {"media", "data"},
    "demo": {"media", "data"},
    "doctor": set(),
    "renderings": set(),
    "evaluation": {"runs"},
    "training": {"media", "data", "models", "runs", "weights", "evaluation"},
    "studies": {"data", "runs", "evaluation", "training", "report"},
    "report": {"runs", "evaluation"},
    "inference": {"media", "data", "models", "runs", "prepare", "evaluation", "renderings"},
}
"""`data`, `models` and `evaluation` do not import one another."""
MEETING = {"vaer.evaluation.options": {"data"}, "vaer.evaluation.evaluation_set": {"data", "weights"},
           "vaer.evaluation.run": {"data"}, "vaer.evaluation.opened": {"data", "models"},
           "vaer.evaluation.inside": {"data", "media"}, "vaer.report.thumbnails": {"media"},
           "vaer.evaluation.degradations.audio": {"media"}, "vaer.evaluation.degradations.degraded": {"data", "media"}}
"""Modules in which rooms meet, and those that they may import beside their own room's."""
UPWARD = {"vaer.config": {"vaer.data.corpora", "vaer.data.corpora.settings"}}  # what one corpus alone is asked it says


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path) for path in SOURCES}


def imported(nodes):
    """The modules of the package that the import statements among `nodes` name."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vaer":
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & NAMES
            found |= inner or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & NAMES
    return found


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(name):
    """`media` of `vaer.media.probe`, `errors` of `vaer.errors`."""
    return name.split(".")[1]


def reaching_out(name, others):
    """What a module imports and may not."""
    room = room_of(name)
    if room in ABOVE:
        return set()
    allowed = BASE | ({room} | MAY_IMPORT[room] | MEETING.get(name, set()) if room not in BASE else set())
    return {other for other in others - {"vaer"} - UPWARD.get(name, set()) if room_of(other) not in allowed}


def test_no_circle_of_imports():
    graph = {name_of(path): imported(tree(path).body) for path in SOURCES}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, naming one


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent.name != "vaer" or path.stem != "__init__"],
                         ids=name_of)
def test_no_module_imports_what_stands_over_it_or_beside_it(path):
    name = name_of(path)
    assert reaching_out(name, imported(ast.walk(tree(path)))) == set()


def test_every_room_has_its_place():
    """A new room gets a line in the table: those that it stands on."""
    assert {room_of(name) for name in NAMES - {"vaer"}} - BASE - ABOVE - set(MAY_IMPORT) == set()


def test_rooms_stand_on_one_another():
    list(TopologicalSorter(MAY_IMPORT).static_order())
    apart = {"data", "models", "evaluation"}
    assert not any(MAY_IMPORT[room] & apart for room in apart)
    for module, rooms in MEETING.items():  # nothing under a room imports it, and so nothing goes round by a meeting
        assert not any(room_of(module) in MAY_IMPORT[room] for room in rooms)


@pytest.mark.parametrize(("name", "code", "found"), [
    ("vaer.media.probe", "from vaer.data import windows", {"vaer.data.windows"}),
    ("vaer.media.probe", "import vaer.data.windows", {"vaer.data.windows"}),
    ("vaer.media.probe", "def f():\n    from vaer.data.windows import Window", {"vaer.data.windows"}),
    ("vaer.models.network", "from vaer.data.windows import a\nfrom vaer.records import b", {"vaer.data.windows"}),
    ("vaer.evaluation.metrics", "from vaer.models.network import VAER", {"vaer.models.network"}),
    ("vaer.evaluation.opened", "from vaer.models.network import VAER", set()),
    ("vaer.config", "from vaer.data.corpora import CORPORA\nfrom vaer.data import files", {"vaer.data.files"}),
    ("vaer.errors", "if True:\n    from vaer.runs import folder", {"vaer.runs.folder"}),
    ("vaer.training.run", "from vaer.cli import main", {"vaer.cli"}),
    ("vaer.cli", "from vaer.training.run import train", set())])
def test_an_import_that_reaches_out_is_found(name, code, found):
    assert reaching_out(name, imported(ast.walk(ast.parse(code)))) == found

"""What lies beside weights is passed over, and nothing is run."""

import argparse
import collections
import datetime
import enum
import io
import os
import pickle
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from vaer.errors import UserError
from vaer.weights.arrays import Array
from vaer.weights.checkpoints import is_unread_network, read_torch, unread


class Settings(dict):
    """As EasyDict and yacs' nodes: a dictionary with more in it."""


class Color(enum.Enum):
    RED = 1


class Callback:
    def __init__(self):
        self.path, self.best = Path("a"), np.float32(0.5)


class Hostile:
    """What an attacker would write: a call when the pickle is read."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def read(path):
    with path.open("rb") as file:
        return read_torch(path, file)


def saved(path, content, legacy=False, **options):
    torch.save(content, path, _use_new_zipfile_serialization=not legacy, **options)
    return path


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("beside", "name"), [
    (argparse.Namespace(lr=0.1, root=Path("x")), "argparse.Namespace"),
    (Path("x"), f"{type(Path()).__module__}.PosixPath"),
    (collections.defaultdict(list, a=[1]), "collections.defaultdict"),
    (types.SimpleNamespace(a=1), "types.SimpleNamespace"), (datetime.timedelta(1), "datetime.timedelta"),
    (Settings(a=Settings(b=1)), f"{__name__}.Settings"),
    (Color.RED, f"{__name__}.Color"), (Callback(), f"{__name__}.Callback"), (frozenset({1}), "builtins.frozenset"),
    (slice(1, 2), "builtins.slice")], ids=lambda value: value if isinstance(value, str) else type(value).__name__)
def test_objects_beside_the_weights_are_passed_over(tmp_path, legacy, beside, name):
    content = read(saved(tmp_path / "x.pth", {"model": {"a": torch.ones(2)}, "beside": beside, "epoch": 3}, legacy))
    assert torch.equal(content["model"]["a"], torch.ones(2))
    assert (unread(content["beside"]), content["epoch"]) == (name, 3)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("beside", "value"), [
    (np.float64(2.5), 2.5), (np.int64(3), 3), (np.bool_(True), True), (np.datetime64("2020-01-01"), None),
    (np.str_("text"), "text")], ids=str)
def test_numbers_of_numpy_are_read(tmp_path, legacy, beside, value):
    read_back = read(saved(tmp_path / "x.pth", {"a": torch.ones(2), "beside": beside}, legacy))["beside"]
    assert read_back == value or (isinstance(beside, np.str_) and read_back is None)


def test_arrays_of_numpy_are_read_if_they_are_numbers(tmp_path):
    path = saved(tmp_path / "x.pth", {"a": np.arange(3, dtype=">f4"), "b": np.array(["x"]), "c": np.array([None])})
    content = read(path)
    assert content["a"].values.tolist() == [0, 1, 2]
    assert isinstance(content["b"], Array)
    assert not hasattr(content["b"], "values")
    assert not hasattr(content["c"], "values")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("call", [
    os.mkdir, os.system, eval, exec, getattr, io.open, subprocess.call, pickle.loads, sys.exit, np.fromfile, np.save,
    __import__, torch.load])
def test_what_an_attack_asks_for_is_refused_and_not_run(tmp_path, legacy, call):
    target = tmp_path / "made by the file"
    text = f"__import__('os').mkdir({str(target)!r})"
    arguments = {eval: (text,), exec: (text,), os.system: (f"mkdir '{target}'",), np.save: (str(target), 1),
                 subprocess.call: (["mkdir", str(target)],), io.open: (str(target), "w")}.get(call, (str(target),))
    path = saved(tmp_path / "x.pth", {"a": torch.ones(1), "args": Hostile(call, *arguments)}, legacy)
    with pytest.raises(UserError, match=r"x\.pth: torch does not read it as weights alone "
                                        r"(\(.*; if it is damaged|\(it asks for [\w.]+\), and no weights need that)"):
        read(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("legacy", [False, True])
def test_a_class_of_ones_own_is_neither_imported_nor_called(tmp_path, legacy, monkeypatch):
    (tmp_path / "attack.py").write_text("open('made by the file', 'w')\nclass Settings:\n    pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = types.ModuleType("attack")
    module.Settings = type("Settings", (), {"__module__": "attack", "__setstate__": lambda self, state: None})
    monkeypatch.setitem(sys.modules, "attack", module)
    saved(tmp_path / "x.pth", {"a": torch.ones(1), "beside": module.Settings()}, legacy)
    monkeypatch.delitem(sys.modules, "attack")
    assert unread(read(tmp_path / "x.pth")["beside"]) == "attack.Settings"
    assert "attack" not in sys.modules
    assert not (tmp_path / "made by the file").exists()


def test_a_whole_network_is_known(tmp_path):
    content = read(saved(tmp_path / "x.pth", {"model": torch.nn.Linear(2, 2), "args": argparse.Namespace(a=1)}))
    assert (is_unread_network(content["model"]), is_unread_network(content["args"])) == (True, False)
    assert unread(content["model"]) == "torch.nn.modules.linear.Linear"
    with pytest.raises(UserError, match=r"torch\.save\(model\.state_dict\(\), FILE\)"):
        read(saved(tmp_path / "x.pth", torch.nn.Linear(2, 2), legacy=True))


@pytest.mark.parametrize("beside", [collections.deque([1]), np.random.default_rng(0)], ids=["deque", "generator"])
def test_what_cannot_be_passed_over_is_one_sentence_with_the_remedy(tmp_path, beside):
    path = saved(tmp_path / "x.pth", {"a": torch.ones(1), "beside": beside})
    with pytest.raises(UserError, match=r"x\.pth: torch does not read it as weights alone \([^\n]*\); .*, where it was "
                                        r"made, save the weights alone \(`torch\.save\(.*, FILE\)`\)\.$"):
        read(path)


def test_a_newer_format_of_pickles_is_one_sentence(tmp_path):
    path = saved(tmp_path / "x.pth", {"a": torch.ones(1)}, pickle_protocol=4)
    with pytest.raises(UserError, match=r"x\.pth: torch does not read it as weights alone \(Unsupported operand \d+\)"):
        read(path)


def test_a_program_of_torchscript_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        for name in ("x/data.pkl", "x/constants.pkl", "x/code/__torch__.py"):
            archive.writestr(name, b"")
    with pytest.raises(UserError, match=r"x\.pt: is a program of TorchScript, which would have to run"):
        read(tmp_path / "x.pt")


def test_an_archive_that_is_no_checkpoint_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("model.pth", b"")
    with pytest.raises(UserError, match=r"x\.zip: is a zip archive of model\.pth, and no checkpoint; unpack it"):
        read(tmp_path / "x.zip")
    (tmp_path / "x.zip").write_bytes((tmp_path / "x.zip").read_bytes()[:20])
    with pytest.raises(UserError, match=r"x\.zip: is damaged or cut off: the end of the archive is not there"):
        read(tmp_path / "x.zip")


def test_an_archive_that_claims_to_span_several_disks_is_damaged(tmp_path):
    path = saved(tmp_path / "a.pt", {"weight": torch.ones(2)})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x06\x07") + 4] = 1  # the locator of the directory: on which disk it is
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.pt: is damaged or cut off .*copy or download it again"):
        read(path)

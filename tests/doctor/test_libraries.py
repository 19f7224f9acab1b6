import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vaer.doctor import libraries
from vaer.doctor.libraries import Library, remedy, requirements, sentence, try_libraries, unmet, what_does_not_load

BROKEN = {
    "unloadable": "import ctypes\nctypes.CDLL('/nowhere/libtorchaudio.so')",
    "chained": "try:\n    raise OSError('undefined symbol: x')\nexcept OSError as e:\n    raise OSError('no') from e",
    "crash": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "hang": "import time\ntime.sleep(60)"}
REASONS = {
    "unloadable": "OSError: /nowhere/libtorchaudio.so: cannot open shared object file: No such file or directory",
    "chained": "OSError: undefined symbol: x", "crash": "crashes while it loads (SIGSEGV)",
    "hang": "does not load within 2 s"}


def break_torchaudio(folder, monkeypatch, kind):
    """Put a torchaudio that does not load before the true one, for the processes that start from here."""
    (folder / "torchaudio").mkdir()
    (folder / "torchaudio/__init__.py").write_text(BROKEN[kind])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_library_that_does_not_load_says_why(tmp_path, monkeypatch, kind):
    break_torchaudio(tmp_path, monkeypatch, kind)
    if kind == "hang":
        monkeypatch.setattr(libraries, "TIMEOUT_S", 2.0)
    [library] = try_libraries(["torchaudio"])
    assert not library.loads
    assert library.text == REASONS[kind]


def test_the_sentence_names_the_pair_and_the_command_that_mends_it(tmp_path, monkeypatch):
    break_torchaudio(tmp_path, monkeypatch, "unloadable")
    monkeypatch.setattr(libraries, "NEEDED", ("av", "torchaudio"))
    said = what_does_not_load()
    assert f"does not load beside torch {torch.__version__.split('+')[0]}" in said
    assert re.search(r"pip install --force-reinstall 'torch>=[\d.]+' 'torchvision>=[\d.]+' 'torchaudio>=[\d.]+'", said)
    assert "\n" not in said


@pytest.mark.slow
def test_every_command_that_needs_it_ends_with_that_sentence(tmp_path, monkeypatch):
    break_torchaudio(tmp_path, monkeypatch, "chained")
    done = subprocess.run([sys.executable, "-c", "from vaer.cli import main; main()", "weights", "x"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("vaer: torchaudio ")
    assert "undefined symbol: x" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_loads_is_no_fault():
    assert what_does_not_load() is None


def test_a_package_that_is_not_there():
    [library] = try_libraries(["no_such_library"])
    assert library == Library("no_such_library", None, False, "not installed")
    assert sentence(library) == ("no_such_library is not installed; pip install 'no_such_library', or `make setup` in "
                                 "a clone.")


def test_the_remedy_of_a_lone_library_leaves_torch_alone():
    assert remedy("av").startswith("pip install --force-reinstall 'av")
    assert "torch" not in remedy("av")


def test_ranges_are_those_of_the_installed_project():
    declared = (Path(__file__).parents[2] / "setup.cfg").read_text()
    assert f"torch{requirements()['torch']}\n" in declared, "install the clone anew: setup.cfg has changed"
    assert "pytest" not in requirements(), "extras are not needed"
    assert unmet() == {}


def test_what_is_older_or_missing_is_named(monkeypatch):
    monkeypatch.setattr(libraries, "requirements", lambda: {"numpy": ">=99", "absent": ">=1", "scipy": ""})
    assert unmet() == {"numpy": libraries.installed("numpy"), "absent": None}

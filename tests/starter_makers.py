"""A package like vaer-starter with a tiny network, for tests; the true one may not be installed."""

import sys
from pathlib import Path

import pytest
from makers import make_recipe, write_run

from vaer.inference.starter import PACKAGE, RUN

NOTICE = "an example's licence, not for decisions"


def install_starter(folder: Path, monkeypatch: pytest.MonkeyPatch, *, whole: bool = True, **model) -> Path:
    """Put the package on Python's path, before any other of its name, and return the folder of its run."""
    package = folder / "site" / PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    if whole:
        write_run(package / RUN, make_recipe(notice=NOTICE), **model)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    return package / RUN


def remove_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package look as if it were not installed."""
    monkeypatch.setitem(sys.modules, PACKAGE, None)

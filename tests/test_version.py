"""Versions that tell commits apart."""

import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

import vaer
from vaer import version


@pytest.mark.parametrize(("commit", "expected"), [
    ("7ac794e0123456789", "0.1.0+g7ac794e01"), ("7ac794e0123456789+", "0.1.0+g7ac794e01.changed"), (None, "9.9+gabc")])
def test_the_commit_of_a_clone_or_what_was_installed(monkeypatch, commit, expected):
    monkeypatch.setattr(version, "git_commit", lambda: commit)
    monkeypatch.setattr(metadata, "version", lambda _: "9.9+gabc")
    assert version.version() == vaer.__version__ == expected


def test_a_folder_without_either_has_the_plain_version(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(version, "git_commit", lambda: None)
    monkeypatch.setattr(metadata, "version", missing)
    assert version.version() == version.BASE


def test_the_commit_is_that_of_the_clone_the_package_lies_in(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True,
                       capture_output=True)

    source = Path(version.__file__)
    copy = tmp_path / source.name
    shutil.copy(source, copy)
    git("init")
    monkeypatch.setattr(version, "__file__", str(copy))
    assert version.git_commit() is None  # a file that its folder's repository does not know
    git("add", copy.name)
    git("commit", "-m", "first")
    assert re.fullmatch(r"[0-9a-f]{40}", version.git_commit())
    copy.write_text("changed")
    assert re.fullmatch(r"[0-9a-f]{40}\+", version.git_commit())

"""Versions that tell commits apart."""

from importlib import metadata

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

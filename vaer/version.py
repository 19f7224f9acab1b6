"""The version, which tells commits apart: 0.1.0+g followed by the commit in a clone, what was built elsewhere."""

from importlib import metadata

from vaer.runs.provenance import git_commit

BASE = "0.1.0"


def version() -> str:
    """In a clone `BASE` and its commit, with `.changed` where files differ; else that of what is installed."""
    commit = git_commit()
    if commit is not None:
        return f"{BASE}+g{commit.rstrip('+')[:9]}" + ".changed" * commit.endswith("+")
    try:
        return metadata.version("vaer")
    except metadata.PackageNotFoundError:
        return BASE

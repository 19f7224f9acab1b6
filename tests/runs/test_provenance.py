import re
import shutil
import subprocess
from pathlib import Path

from vaer.runs import provenance
from vaer.runs.provenance import machine_facts


def test_facts_name_versions_and_machine():
    facts = machine_facts()
    assert re.match(r"\d+\.\d+", facts["versions"]["torch"])
    assert facts["python"].startswith("3.")
    assert facts["torch_threads"] >= 1


def test_the_commit_is_that_of_the_clone_the_package_lies_in(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True,
                       capture_output=True)

    source = Path(provenance.__file__)
    copy = tmp_path / source.name
    shutil.copy(source, copy)
    git("init")
    monkeypatch.setattr(provenance, "__file__", str(copy))
    assert provenance.git_commit() is None  # a file that its folder's repository does not know
    git("add", copy.name)
    git("commit", "-m", "first")
    assert re.fullmatch(r"[0-9a-f]{40}", provenance.git_commit())
    copy.write_text("changed")
    assert re.fullmatch(r"[0-9a-f]{40}\+", provenance.git_commit())

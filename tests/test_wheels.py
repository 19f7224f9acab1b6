"""The two distributions: vaer without any network under Apache-2.0, the starter network under its data's licence."""

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import pytest
from makers import write_run

ROOT = Path(__file__).parents[1]
STARTER = ROOT / "starter"
MOST_BYTES = 11_000_000
WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".npz", ".onnx")


def wheel_of(source, out):
    """The wheel that setuptools makes of a folder that holds copies alone: names, sizes, metadata."""
    if find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed here, and it makes the wheels")
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(out)!r})"
    out.mkdir()
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    [path] = out.iterdir()
    with zipfile.ZipFile(path) as wheel:
        [metadata] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return path, wheel.namelist(), Parser().parsestr(wheel.read(metadata).decode())


def test_the_wheel_of_vaer_holds_nothing_of_the_starter_network(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("vaer", "starter", "configs"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    write_run(source / "starter" / "vaer_starter" / "run")  # at least a network that could slip in
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    _, names, metadata = wheel_of(source, tmp_path / "wheel")
    assert metadata["Name"] == "vaer"
    assert {name.split("/")[0] for name in names} == {"vaer", f"vaer-{metadata['Version']}.dist-info"}
    assert "vaer/inference/starter.py" in names  # which finds it
    assert [name for name in names if name.endswith(WEIGHTS)] == []
    assert "vaer-starter" not in str(metadata.get_all("Requires-Dist")).lower()


def test_make_installs_both():
    lines = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "install" in line]
    assert [line.endswith(" -e ./starter") for line in lines if " -e " in line] == [True, True]


def test_the_wheel_of_the_starter_network_carries_its_licence(tmp_path):
    """Of the true network where its weights are in this checkout, else of one made here."""
    source = tmp_path / "starter"
    shutil.copytree(STARTER, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    run = source / "vaer_starter" / "run"
    if not run.is_dir():
        write_run(run)
    path, names, metadata = wheel_of(source, tmp_path / "wheel")
    assert (metadata["Name"], metadata["License-Expression"]) == ("vaer-starter", "CC-BY-NC-SA-4.0")
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (STARTER / "README.md").read_text(encoding="utf-8").strip()
    assert metadata.get_all("Requires-Dist") is None
    own = {name for name in names if ".dist-info/" not in name}
    there = {str(file.relative_to(source)) for file in (source / "vaer_starter").rglob("*") if file.is_file()}
    assert own == there
    assert {"vaer_starter/run/best/config.json", "vaer_starter/run/best/model.safetensors"} <= own
    [licence] = [name for name in names if name.endswith("licenses/LICENSE")]
    with zipfile.ZipFile(path) as wheel:
        assert b"Attribution-NonCommercial-ShareAlike 4.0 International" in wheel.read(licence)[:100]
    assert path.stat().st_size < MOST_BYTES

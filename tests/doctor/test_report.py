import json

import pytest

from vaer.doctor import report
from vaer.doctor.libraries import Library
from vaer.doctor.report import GIB, doctor, examine


def with_libraries(monkeypatch, *, broken=()):
    """Every library loads, as far as the report is told, but those of `broken`."""
    monkeypatch.setattr(report, "try_libraries", lambda names: [
        Library(name, "1.0", name not in broken, "said" if name not in broken else "OSError: no") for name in names])


def states(findings):
    return {finding.name: finding.state for finding in findings}


def test_a_machine_that_has_everything_is_well(monkeypatch, capsys):
    with_libraries(monkeypatch)
    assert doctor(as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ok    torchaudio   1.0; said" in lines
    assert not any("fault" in line for line in lines)


@pytest.mark.parametrize("name", ["torch", "torchvision", "torchaudio", "accelerate", "av"])
def test_without_these_training_cannot_work(monkeypatch, capsys, name):
    with_libraries(monkeypatch, broken=[name])
    assert doctor(as_json=False) == 1
    printed = capsys.readouterr().out
    assert f"fault {name:12} {name} 1.0 does not load" in printed
    assert f"-> pip install --force-reinstall '{name if name in ('accelerate', 'av') else 'torch'}" in printed


@pytest.mark.parametrize("name", ["decord", "torchcodec", "dlib", "nvdec"])
def test_without_these_it_can_and_what_is_lost_is_said(monkeypatch, capsys, name):
    with_libraries(monkeypatch, broken=[name])
    assert doctor(as_json=False) == 0
    assert f"note  {name:12} 1.0 OSError: no" in capsys.readouterr().out


@pytest.mark.parametrize(("found", "state"), [(None, "note "), (object(), "ok   ")])
def test_the_starter_network_is_there_or_how_to_get_it_is_said(monkeypatch, capsys, found, state):
    with_libraries(monkeypatch)
    monkeypatch.setattr(report, "find_spec", lambda name: found)
    assert doctor(as_json=False) == 0
    printed = capsys.readouterr().out
    assert f"{state} starter" in printed
    assert ("-> pip install ./starter" in printed) == (found is None)


def test_json_holds_every_line(monkeypatch, capsys):
    with_libraries(monkeypatch, broken=["torch"])
    assert doctor(as_json=True) == 1
    printed = json.loads(capsys.readouterr().out)
    assert {"vaer", "platform", "findings"} == set(printed)
    assert {finding["name"]: finding["state"] for finding in printed["findings"]} == states(examine())


def test_little_shared_memory_names_the_flag_of_docker():
    assert report._shared_memory(64 * 2**20)[1:] == (
        "note", "0.06 GiB free for batches on their way",
        "start a container with --shm-size 1g, or give --data.num_workers 0")
    assert report._shared_memory(GIB).state == "ok"


def test_few_open_files_and_a_full_disk_are_noted(monkeypatch):
    assert report._open_files(256).remedy == "ulimit -n 1024 before the command"
    assert report._open_files(-1).text == "no limit"
    assert report._open_files(1024).state == "ok"
    monkeypatch.setattr(report.shutil, "disk_usage", lambda path: report.shutil._ntuple_diskusage(100, 99, 1))
    assert report._disk().state == "note"


def test_packages_outside_of_their_range_are_a_fault_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(report, "unmet", lambda: {"numpy": "1.20", "av": None})
    found = report._requirements()
    assert (found.state, found.text) == ("fault", "numpy 1.20, av missing")
    assert found.remedy.startswith("pip install --upgrade 'numpy>=")
    assert "'av" in found.remedy

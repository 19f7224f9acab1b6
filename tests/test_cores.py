"""Cores by affinity and by the quotas of control groups, which are written into a folder here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vaer import cores
from vaer.cores import usable_cores

V2 = "41 31 0:38 {root} {mount} rw,relatime - cgroup2 cgroup2 rw\n"
V1 = "32 31 0:29 {root} {mount} rw,relatime - cgroup cgroup rw,{names}\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """64 cores by affinity; a call writes the groups and says how many are left."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(cores, "PROC", tmp_path / "proc")

    def write(*, mounts="", groups="", **files):
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "mountinfo").write_text("22 1 0:21 / /proc rw - proc proc rw\n" + mounts)
        (tmp_path / "proc" / "cgroup").write_text(groups)
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")
        return usable_cores()

    return write


@pytest.mark.parametrize(("quota", "expected"), [
    ("max 100000", 64), ("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("25000 5000", 5),
    ("6400000 50000", 64), ("", 64), ("0 100000", 64), ("100000 0", 64), ("nonsense", 64)])
def test_a_quota_of_version_2(machine, tmp_path, quota, expected):
    mounts = V2.format(root="/", mount=tmp_path / "cg")
    assert machine(mounts=mounts, groups="0::/job/step\n", **{"cg/job/step/cpu.max": quota}) == expected


@pytest.mark.parametrize(("quota", "period", "expected"), [
    ("-1", "100000", 64), ("300000", "100000", 3), ("310000", "100000", 4), ("50000", "100000", 1)])
@pytest.mark.parametrize("names", ["cpu", "cpu,cpuacct"])
def test_a_quota_of_version_1(machine, tmp_path, names, quota, period, expected):
    mounts = V1.format(root="/", mount=tmp_path / "cg", names=names) + V1.format(
        root="/", mount=tmp_path / "sets", names="cpuset")
    files = {"cg/job/cpu.cfs_quota_us": quota, "cg/job/cpu.cfs_period_us": period,
             "sets/job/cpu.cfs_quota_us": "100000", "sets/job/cpu.cfs_period_us": "100000"}  # not for processor time
    assert machine(mounts=mounts, groups=f"7:cpuset:/job\n4:{names}:/job\n0::/\n", **files) == expected


def test_the_smallest_quota_on_the_way_up_holds(machine, tmp_path):
    files = {"cg/cpu.max": "800000 100000", "cg/job/cpu.max": "300000 100000", "cg/job/step/cpu.max": "max 100000"}
    assert machine(mounts=V2.format(root="/", mount=tmp_path / "cg"), groups="0::/job/step\n", **files) == 3


@pytest.mark.parametrize(("root", "group"), [
    ("/docker/1234", "/docker/1234"),  # the container sees its own part of the tree and the name of the host
    ("/", "/"),  # a name space of its own
    ("/", "/docker/1234"),  # the name of the host, the tree of the container
    ("/docker/1234", "/")])
def test_the_quota_of_a_container_is_found_however_it_is_mounted(machine, tmp_path, root, group):
    mounts = V2.format(root=root, mount=tmp_path / "cg")
    assert machine(mounts=mounts, groups=f"0::{group}\n", **{"cg/cpu.max": "500000 100000"}) == 5


def test_without_control_groups_affinity_counts(machine):
    assert machine() == 64


def test_affinity_counts_where_it_is_smaller(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    mounts = V2.format(root="/", mount=tmp_path / "cg")
    assert machine(mounts=mounts, groups="0::/\n", **{"cg/cpu.max": "500000 100000"}) == 1


def test_a_system_without_affinity_counts_its_cores(monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "PROC", tmp_path)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_process_that_is_bound_to_one_core_sees_one():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); import vaer.cores as cores; " \
           "print(cores.usable_cores())"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "1\n"


def test_nobody_counts_the_cores_of_the_machine_instead():
    sources = Path(cores.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if re.search("cpu_count|getaffinity", path.read_text())] == ["cores.py"]

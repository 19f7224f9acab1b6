"""The same table from a Dask cluster, also when a worker is lost on the way."""

import os
import signal
from contextlib import ExitStack

import pytest
from cluster_makers import free_port, process
from study_makers import FAKE, write_study

from vaer.errors import UserError
from vaer.studies import children
from vaer.studies.cluster import Cluster
from vaer.studies.run import StudyOptions, study
from vaer.studies.schedule import Slots

WRITTEN = ("table.md", "table.csv", "table.tex", "scores.png", "scores.pdf", "report.html")


@pytest.mark.slow
def test_a_lost_worker_loses_nothing(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is absent: pip install 'vaer[dask]'")
    monkeypatch.setattr(children, "STEP", FAKE)
    path = write_study(tmp_path, "settings: {train.weight_decay: 0.3}\nrows: {gate: {model.fusion.kind: gated}}\n")
    study(path, str(tmp_path / "calm"), StudyOptions(jobs=2))
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    killed = []
    with ExitStack() as stack:
        stack.enter_context(process("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"))
        workers = [stack.enter_context(process("dask_worker", address, "--nthreads", "1", "--no-dashboard"))
                   for _ in range(2)]
        work = Cluster.do

        def kill_one(self, task, jobs):
            for folders in work(self, task, jobs):
                if not killed:
                    killed.append(workers[0].pid)
                    os.killpg(workers[0].pid, signal.SIGKILL)
                yield folders

        monkeypatch.setattr(Cluster, "do", kill_one)
        study(path, str(tmp_path / "cluster"), StudyOptions(scheduler=address))
    assert killed
    for name in WRITTEN:
        assert (tmp_path / "cluster" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes(), name


def test_no_scheduler_there(monkeypatch):
    monkeypatch.setattr("vaer.cluster.ANSWER_S", 0.5)
    pytest.importorskip("distributed", reason="Dask is absent: pip install 'vaer[dask]'")
    with pytest.raises(UserError, match="no Dask scheduler answers there"):
        Cluster(f"tcp://127.0.0.1:{free_port()}", Slots(1, 1, []))

"""The same clips from a Dask cluster, also when a worker is lost on the way."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from cluster_makers import free_port, process
from makers import contents, make_recordings

from vaer.errors import UserError
from vaer.prepare.run import prepare
from vaer.prepare.settings import PrepareConfig

SMALL = PrepareConfig(size=32)


@pytest.mark.slow
def test_a_lost_worker_loses_nothing(tmp_path):
    pytest.importorskip("distributed", reason="Dask is absent: pip install 'vaer[dask]'")
    source = make_recordings(tmp_path / "from", films=12)
    prepare(source, tmp_path / "calm", SMALL, processes=2)
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(process("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"))
        workers = [stack.enter_context(process("dask_worker", address, "--nthreads", "1", "--no-dashboard"))
                   for _ in range(2)]
        command = [sys.executable, "-c", "from vaer.cli import main; main()", "prepare", str(source),
                   str(tmp_path / "cluster"), "--size", "32", "--scheduler", address]
        work = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        journal = tmp_path / "cluster/manifest.part.jsonl"
        until = time.monotonic() + 120
        while not (journal.exists() and len(journal.read_text().splitlines()) >= 3):
            assert work.poll() is None, work.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.05)
        os.killpg(workers[0].pid, signal.SIGKILL)
        assert work.poll() is None, "there was work left when the worker was killed"
        _, said = work.communicate(timeout=240)
    assert work.returncode == 0, said
    assert contents(tmp_path / "cluster") == contents(tmp_path / "calm")


@pytest.mark.slow
def test_no_scheduler_there(tmp_path):
    pytest.importorskip("distributed", reason="Dask is absent: pip install 'vaer[dask]'")
    source = make_recordings(tmp_path / "from", films=1)
    with pytest.raises(UserError, match="no Dask scheduler answers there"):
        prepare(source, tmp_path / "to", SMALL, scheduler=f"tcp://127.0.0.1:{free_port()}")

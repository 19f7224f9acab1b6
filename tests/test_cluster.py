import socket
import sys

import pytest

from vaer.cluster import connected
from vaer.errors import UserError


def test_no_scheduler_answers(monkeypatch):
    monkeypatch.setattr("vaer.cluster.ANSWER_S", 0.5)
    pytest.importorskip("distributed", reason="Dask is absent: pip install 'vaer[dask]'")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(UserError, match=rf"--scheduler tcp://127\.0\.0\.1:{port}: no Dask scheduler answers there"), \
            connected(f"tcp://127.0.0.1:{port}"):
        pass


def test_without_dask_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"pip install 'vaer\[dask\]'"), connected("tcp://127.0.0.1:1"):
        pass

"""A Dask cluster that is not there."""

import socket

import pytest

from vaer.errors import UserError
from vaer.studies.cluster import Cluster
from vaer.studies.schedule import Slots


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_no_scheduler_there(monkeypatch):
    monkeypatch.setattr("vaer.cluster.ANSWER_S", 0.5)
    pytest.importorskip("distributed", reason="Dask is absent: pip install 'vaer[dask]'")
    with pytest.raises(UserError, match="no Dask scheduler answers there"):
        Cluster(f"tcp://127.0.0.1:{free_port()}", Slots(1, 1, []))

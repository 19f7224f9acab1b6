"""Processes of a Dask cluster."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def process(*arguments):
    """A process that is gone afterwards, with all that it started."""
    started = subprocess.Popen([sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield started
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

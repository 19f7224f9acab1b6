"""Batches that do not fit into shared memory end in a sentence, at the start or when it fills up."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from makers import make_batch

from vaer.data import shared_memory
from vaer.data.shared_memory import batch_bytes, require_room, shared
from vaer.errors import UserError

REAL = """
import sys
import torch
from makers import make_item, write_video
from pathlib import Path
from vaer.config import DataConfig
from vaer.data import loader
from vaer.data.dataset import EvaluationClips, Modalities
root = Path(sys.argv[1])
loader.require_room = lambda *_, **__: None  # as where another program fills it up later
items = [make_item(write_video(root / f"{number}.mp4", frames=8)) for number in range(4)]
config = DataConfig(num_frames=32, size=112)
clips = EvaluationClips(items, ("happy",), config=config, views=1, wanted=Modalities(True, False))
try:
    list(loader.evaluation_batches(clips, batch_size=2, num_workers=1, device=torch.device("cpu"), rank=0, world=1))
except ValueError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def docker(monkeypatch, tmp_path):
    """64 MB of shared memory, of which 62 are free."""
    monkeypatch.setattr(shared_memory, "SHM", tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=62 * 256, f_frsize=4096))
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)


def test_bytes_by_hand():
    assert batch_bytes(16, frames=32, size=224, seconds=0.0) == 16 * 32 * 224 * 224 * 3 == 77_070_336
    assert batch_bytes(2, frames=0, size=224, seconds=1.5) == 2 * 1.5 * 16_000 * 4
    assert batch_bytes(3, frames=1, size=10, seconds=0.25) == 3 * (300 + 16_000)


def test_a_batch_of_77_mb_in_docker_is_refused_with_both_remedies(docker):
    with pytest.raises(UserError, match=r": has 62 MB free, and the 5 batches in flight, of 74 MB each, need 36"
                                        r"8 MB \(2 dec.*\); give .* --shm-size 1g\), or .*--data\.num_workers 0"):
        require_room(77_070_336, num_workers=2, together=1, batches=100)


@pytest.mark.parametrize(("mega", "workers", "together", "batches", "processes", "fits"), [
    (12, 2, 1, 100, "", True), (13, 2, 1, 100, "", False),  # five in flight: 60 and 65 MB
    (13, 2, 1, 4, "", True),  # a pass of four batches
    (12, 2, 4, 100, "", False), (7, 2, 4, 100, "", True),  # four parts of a step are read together: eight in flight
    (6, 2, 1, 100, "2", True), (7, 2, 1, 100, "2", False), (77, 0, 1, 100, "", True), (0, 9, 1, 100, "", True)])
def test_what_is_in_flight_is_compared_with_what_is_free(docker, monkeypatch, mega, workers, together, batches,
                                                         processes, fits):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    if fits:
        require_room(mega << 20, num_workers=workers, together=together, batches=batches)
    else:
        with pytest.raises(UserError, match="--shm-size"):
            require_room(mega << 20, num_workers=workers, together=together, batches=batches)


def test_a_system_without_such_a_file_system_passes(docker, monkeypatch, tmp_path):
    monkeypatch.setattr(shared_memory, "SHM", tmp_path / "none")
    require_room(1 << 40, num_workers=8, together=1, batches=100)


def test_a_batch_is_shared_or_says_that_there_is_no_room(monkeypatch):
    batch = shared(make_batch([0.2, 0.1])._replace(waveform=None))
    assert all(part.is_shared() for part in batch if part is not None)

    def refuse(_):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1_2>: No space left on device (28)")

    monkeypatch.setattr("torch.Tensor.share_memory_", refuse)
    told = shared(make_batch([0.2]))
    assert isinstance(told, UserError)
    assert "/dev/shm: is full, and a batch of" in str(told)
    monkeypatch.setattr("torch.Tensor.share_memory_", lambda tensor: tensor.view(-1, 0))  # any other RuntimeError
    with pytest.raises(RuntimeError, match="shape"):
        shared(make_batch([0.2]))


def test_a_real_shm_that_fills_up_ends_the_pass_instead_of_hanging(tmp_path):
    script = "mount -t tmpfs -o size=1m tmpfs /dev/shm && exec \"$@\""
    private = ["unshare", "-m", "sh", "-c"]
    if subprocess.run([*private, "mount -t tmpfs tmpfs /dev/shm"], capture_output=True, check=False).returncode:
        pytest.skip("no mount of one's own may be made here")
    path = os.pathsep.join(str(folder) for folder in (os.path.dirname(os.path.dirname(__file__)), *sys.path))
    done = subprocess.run([*private, script, "sh", sys.executable, "-c", REAL, str(tmp_path)], check=True,
                          timeout=120, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    assert "UserError /dev/shm: is full, and a batch of 2 MB does not fit; give the container more" in done.stdout

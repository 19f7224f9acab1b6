import os
import signal
import time

import pytest
import torch
from makers import make_item, tone, write_video, write_wav

from vaer.config import DataConfig
from vaer.data.dataset import EvaluationClips, TrainingClips, Wanted
from vaer.data.loader import Batches, StepSampler, ViewSampler, evaluation_batches
from vaer.errors import MediaError, RunError, UserError


def keys(epoch=0, step=0, rank=0, world=1, accumulation=1, seed=0):
    sampler = StepSampler(23, batch_size=8, accumulation=accumulation, seed=seed, rank=rank, world=world)
    sampler.set_position(epoch, step)
    assert len(list(sampler)) == len(sampler)
    return list(sampler)


def test_an_epoch_is_a_permutation_without_its_last_incomplete_step():
    indices = [index for part in keys() for _, index in part]
    assert len(indices) == len(set(indices)) == 16
    assert keys() == keys()
    assert keys(epoch=1) != keys()
    assert keys(seed=1) != keys()
    assert all(epoch == 5 for part in keys(epoch=5) for epoch, _ in part)


@pytest.mark.parametrize(("world", "accumulation"), [(2, 1), (1, 2), (2, 2), (4, 2)])
def test_processes_and_accumulation_share_the_same_steps(world, accumulation):
    parts = [keys(rank=rank, world=world, accumulation=accumulation) for rank in range(world)]
    for step, whole in enumerate(keys()):
        cut = [key for rank in parts for part in rank[step * accumulation:(step + 1) * accumulation] for key in part]
        assert cut == whole


def test_a_pass_can_begin_in_the_middle():
    assert keys(step=1) == keys()[1:]


@pytest.mark.parametrize(("changes", "message"), [({"world": 3}, "multiple of 3"), ({"num_items": 7}, "at most 7")])
def test_batches_that_cannot_be_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        StepSampler(**({"num_items": 23, "batch_size": 8, "accumulation": 1, "seed": 0, "rank": 0, "world": 1}
                       | changes))


@pytest.mark.parametrize("world", [1, 2, 3])
def test_evaluation_asks_for_every_clip_and_view_once(world):
    asked = [key for rank in range(world)
             for batch in ViewSampler(5, views=2, batch_size=3, rank=rank, world=world) for key in batch]
    assert sorted(asked) == [(view, index) for view in range(2) for index in range(5)]


@pytest.fixture
def items(tmp_path):
    paths = [write_video(tmp_path / f"{number}.mp4", frames=12 + number, sound=tone(1 + number / 10, 48_000)[None])
             for number in range(4)]
    return [make_item(path) for path in paths]


def training_batches(items, num_workers):
    clips = TrainingClips(items, ("happy",), config=DataConfig(num_frames=4, size=32), wanted=Wanted(), seed=0)
    sampler = StepSampler(4, batch_size=2, accumulation=1, seed=0, rank=0, world=1)
    batches = Batches(clips, sampler, num_workers=num_workers, device=torch.device("cpu"))
    for epoch in range(2):
        sampler.set_position(epoch)
        yield from batches
    assert batches.waited_s > 0


def test_workers_do_not_change_the_data(items):
    for alone, helped in zip(training_batches(items, 0), training_batches(items, 2), strict=True):
        assert torch.equal(alone.ids, helped.ids)
        assert torch.equal(alone.waveform, helped.waveform)
        assert torch.equal(alone.frames, helped.frames)
        assert torch.equal(alone.frame_times, helped.frame_times)


def batches_of(items, num_workers):
    clips = EvaluationClips(items, ("happy",), config=DataConfig(num_frames=4, size=32), wanted=Wanted())
    return evaluation_batches(clips, batch_size=2, num_workers=num_workers, device=torch.device("cpu"), rank=0, world=1)


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize(("number", "error", "message"), [
    (signal.SIGALRM, MediaError, r"2\.mp4: its decoder does not come back"),
    (signal.SIGSEGV, MediaError, r"2\.mp4: its decoder crashes"),
    (signal.SIGKILL, RunError, r"A decoding process died .status -9. while it read .*2\.mp4: is there memory")])
def test_a_worker_that_dies_takes_its_files_name_along(items, monkeypatch, number, error, message, num_workers):
    def die(self, key):
        if key[1] == 2:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        return original(self, key)

    original = EvaluationClips.__getitem__
    monkeypatch.setattr(EvaluationClips, "__getitem__", die)
    with pytest.raises(error, match=message):
        list(batches_of(items, num_workers=num_workers))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_decoder_that_hangs_is_an_error_with_the_name_of_the_file(items, monkeypatch, num_workers):
    """Native code that never gives the interpreter back: a sleep that swallows no signal stands for it."""
    class Hanging:
        def __init__(self, *_, **__):
            time.sleep(60)

    monkeypatch.setattr("decord.VideoReader", Hanging)
    monkeypatch.setattr("vaer.data.media.DECORD_ALARM_S", 0.5)
    monkeypatch.setattr("vaer.data.media._decodes_whole", lambda *_: False)  # so the main process never asks decord
    started = time.monotonic()
    if num_workers:
        with pytest.raises(MediaError, match=r"\d\.mp4: its decoder does not come back"):
            list(batches_of(items, num_workers))
    else:
        assert len(list(batches_of(items, num_workers))) == 2
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_damaged_file_ends_the_pass_with_its_name(tmp_path, num_workers):
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    items = [make_item(write_wav(tmp_path / "good.wav", tone(1.0))), make_item(tmp_path / "bad.wav")]
    with pytest.raises(MediaError, match=r"bad\.wav: cannot be decoded") as caught:
        list(batches_of(items, num_workers))
    assert "Traceback" not in str(caught.value)



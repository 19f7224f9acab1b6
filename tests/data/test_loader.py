import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from makers import make_item, tone, write_video, write_wav

from vaer.config import AugmentConfig, DataConfig
from vaer.data.buckets import window_seconds
from vaer.data.dataset import EvaluationClips, Modalities, TrainingClips
from vaer.data.loader import Batches, StepSampler, ViewSampler, evaluation_batches
from vaer.errors import MediaError, RunError, UserError
from vaer.media import decoders

LENGTHS = np.random.default_rng(0).uniform(1, 9, size=23)


def keys(epoch=0, step=0, rank=0, world=1, accumulation=1, seed=0, seconds=None):
    sampler = StepSampler(23, batch_size=8, accumulation=accumulation, seed=seed, rank=rank, world=world,
                          seconds=seconds)
    sampler.set_position(epoch, step)
    assert len(list(sampler)) == len(sampler)
    return list(sampler)


@pytest.mark.parametrize("seconds", [None, LENGTHS])
def test_an_epoch_is_a_permutation_without_its_last_incomplete_step(seconds):
    indices = [index for part in keys(seconds=seconds) for _, index in part]
    assert len(indices) == len(set(indices)) == 16
    assert keys(seconds=seconds) == keys(seconds=seconds)
    assert keys(epoch=1, seconds=seconds) != keys(seconds=seconds)
    assert keys(seed=1, seconds=seconds) != keys(seconds=seconds)


def test_the_order_of_earlier_runs_stays():
    """They resume in the middle of an epoch: the order is NumPy's permutation, cut as it comes."""
    order = np.random.default_rng((3, 5)).permutation(23)
    assert [index for part in keys(seed=3, epoch=5) for _, index in part] == order[:16].tolist()
    assert all(epoch == 5 for part in keys(epoch=5) for epoch, _ in part)


@pytest.mark.parametrize("seconds", [None, LENGTHS])
@pytest.mark.parametrize(("world", "accumulation"), [(2, 1), (1, 2), (2, 2), (4, 2)])
def test_processes_and_accumulation_share_the_same_steps(world, accumulation, seconds):
    parts = [keys(rank=rank, world=world, accumulation=accumulation, seconds=seconds) for rank in range(world)]
    for step, whole in enumerate(keys(seconds=seconds)):
        cut = [key for rank in parts for part in rank[step * accumulation:(step + 1) * accumulation] for key in part]
        assert cut == whole


def test_a_pass_can_begin_in_the_middle():
    assert keys(step=1) == keys()[1:]
    assert keys(step=1, seconds=LENGTHS) == keys(seconds=LENGTHS)[1:]


@pytest.mark.parametrize(("changes", "message"), [({"world": 3}, "multiple of 3"), ({"num_items": 7}, "at most 7")])
def test_batches_that_cannot_be_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        StepSampler(**({"num_items": 23, "batch_size": 8, "accumulation": 1, "seed": 0, "rank": 0, "world": 1}
                       | changes))


@pytest.mark.parametrize(("world", "accumulation"), [(1, 4), (4, 1), (2, 2)])
def test_pairs_are_those_of_one_process(world, accumulation):
    order = [index for part in keys() for _, index in part]
    pairs = set(zip(order[::2], order[1::2], strict=True))
    for rank in range(world):
        sampler = StepSampler(23, batch_size=8, accumulation=accumulation, seed=0, rank=rank, world=world, pairs=True)
        for part in sampler:
            mine = [index for _, index in part]
            assert set(zip(mine[::2], mine[1::2], strict=True)) <= pairs


def test_pairs_that_would_be_torn_are_refused():
    with pytest.raises(UserError, match=r"--train.mixup .* parts of 3 clips; make it a multiple of 4"):
        StepSampler(23, batch_size=6, accumulation=2, seed=0, rank=0, world=1, pairs=True)


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


def training_batches(items, num_workers, rank=0, world=1):
    augment = AugmentConfig(zoom=1.3, brightness=0.3, color=0.2, speed=0.1, gain_db=6, noise_db=-20)
    config = DataConfig(num_frames=4, size=32, augment=augment, bucketing=True)
    clips = TrainingClips(items, ("happy",), config=config, wanted=Modalities(), seed=0, modality_dropout=0.3)
    seconds = window_seconds(items, config, rank=0, world=1)
    sampler = StepSampler(4, batch_size=2, accumulation=1, seed=0, rank=rank, world=world, seconds=seconds)
    batches = Batches(clips, sampler, num_workers=num_workers, device=torch.device("cpu"))
    for epoch in range(2):
        sampler.set_position(epoch)
        yield from batches
    assert batches.waited_s > 0


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker")  # more than there are cores
@pytest.mark.parametrize("num_workers", [1, 3])
def test_workers_do_not_change_the_data(items, num_workers):
    for alone, helped in zip(training_batches(items, 0), training_batches(items, num_workers), strict=True):
        for one, other in zip(alone, helped, strict=True):
            assert torch.equal(one, other)


def test_two_processes_have_the_clips_of_one(items):
    for whole, *parts in zip(training_batches(items, 0), *(training_batches(items, 0, rank, 2) for rank in (0, 1)),
                             strict=True):
        for name in ("ids", "labels", "frames", "frame_times", "has_video", "has_audio", "num_samples"):
            assert torch.equal(getattr(whole, name), torch.cat([getattr(part, name) for part in parts]))
        for row, part in enumerate(parts):  # each pads to its own longest
            samples = int(part.num_samples[0])
            assert torch.equal(whole.waveform[row, :samples], part.waveform[0, :samples])


def evaluated(items, num_workers=0, keep_bytes=2**28):
    clips = EvaluationClips(items, ("happy",), config=DataConfig(num_frames=4, size=32), wanted=Modalities())
    return evaluation_batches(clips, batch_size=3, num_workers=num_workers, device=torch.device("cpu"), rank=0, world=1,
                              keep_bytes=keep_bytes)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_clips_that_are_kept_are_read_once(items, num_workers):
    batches = evaluated(items, num_workers)
    first = [[part.clone() for part in batch] for batch in batches]
    for item in items:
        Path(item.path).unlink()
    for _ in range(2):
        for one, again in zip(first, batches, strict=True):
            assert all(map(torch.equal, one, again))
            assert not any(part.is_shared() for part in again)  # of which there may be little
    assert batches.loader._iterator is None  # its process is gone


def test_clips_are_read_anew_where_they_would_need_too_much_memory(items):
    sizes = [sum(part.nbytes for part in batch) for batch in evaluated(items)]
    assert sizes[0] > 2 * sizes[1]  # three clips and one: it is not known after the first that both fit
    for room, is_kept in ((0, False), (sum(sizes) - 1, False), (2 * sizes[0] - 1, False), (2 * sizes[0], True)):
        batches = evaluated(items, keep_bytes=room)
        assert len(list(batches)) == len(list(batches)) == 2
        assert (batches.kept is not None) == is_kept


@pytest.mark.parametrize("kept", [False, True])
def test_a_batch_tells_which_of_its_rows_have_what(items, tmp_path, kept):
    """Without a question to the device."""
    items = [items[0], make_item(write_wav(tmp_path / "a.wav", tone(1.0))), items[1]]
    for batches in [evaluated(items, keep_bytes=2**28 * kept)] * 2:
        [batch] = batches
        assert batch.has_video.rows.tolist() == [0, 2]
        assert batch.has_audio.rows.tolist() == [0, 1, 2]


def test_a_pass_that_was_left_is_not_kept(items):
    batches = evaluated(items)
    next(iter(batches))
    assert batches.kept is None
    assert len(list(batches)) == len(batches.kept) == 2


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_pass_may_begin_before_it_is_asked_for(items, num_workers):
    """Its first batches are read meanwhile, and are what they would be."""
    def passes(ahead):
        clips = TrainingClips(items, ("happy",), config=DataConfig(num_frames=4, size=32), wanted=Modalities(), seed=0)
        sampler = StepSampler(4, batch_size=2, accumulation=1, seed=0, rank=0, world=1)
        batches = Batches(clips, sampler, num_workers=num_workers, device=torch.device("cpu"))
        for epoch in range(3):
            sampler.set_position(epoch)
            clips.cut[:] = -1
            if ahead and epoch != 1:
                batches.begin()
                for _ in range(200 * num_workers):
                    if (clips.cut >= 0).all():
                        break
                    time.sleep(0.05)
                assert bool((clips.cut >= 0).all()) == bool(num_workers)
            yield from batches

    for one, other in zip(passes(ahead=False), passes(ahead=True), strict=True):
        assert all(map(torch.equal, one, other))


def test_pictures_come_as_bytes_and_the_share_of_padding_is_known(items):
    batches = batches_of(items, num_workers=0)
    assert all(batch.frames.dtype == torch.uint8 for batch in batches)
    lengths = [1.2, 1.3, 1.4, 1.5]  # frames at 10 a second; the audio is shorter: 1, 1.1, 1.2, 1.3 s
    real, padded = batches.samples.tolist()
    assert real < padded < 2 * 16_000 * (lengths[1] + lengths[3])
    assert 1 - real / padded == pytest.approx(1 - (1 + 1.1 + 1.2 + 1.3) / (2 * 1.1 + 2 * 1.3), abs=0.02)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux alone tells the memory of a process")
def test_memory_does_not_grow_from_epoch_to_epoch(items):
    def allocated_kib():
        lines = Path(f"/proc/{batches.busy[0, 1]}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))

    batches = batches_of(items * 8, num_workers=1)
    held = [allocated_kib() for _ in range(12) if list(batches)]
    assert max(held[4:]) - held[3] < 4_000


@pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda", True)])
def test_memory_is_pinned_for_a_gpu_alone_and_workers_stay(items, device, pinned):
    clips = EvaluationClips(items, ("happy",), config=DataConfig(), wanted=Modalities())
    batches = evaluation_batches(clips, batch_size=2, num_workers=2, device=torch.device(device), rank=0, world=1)
    assert batches.loader.pin_memory == pinned
    assert batches.loader.persistent_workers


def batches_of(items, num_workers, **settings):
    config = DataConfig(num_frames=4, size=32, **settings)
    clips = EvaluationClips(items, ("happy",), config=config, wanted=Modalities())
    return evaluation_batches(clips, batch_size=2, num_workers=num_workers, device=torch.device("cpu"), rank=0, world=1)


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize(("number", "error", "message"), [
    (signal.SIGALRM, MediaError, r"2\.mp4: its decoder does not come back"),
    (signal.SIGPROF, MediaError, r"2\.mp4: its decoder does not come back"),
    (signal.SIGSEGV, MediaError, r"2\.mp4: its decoder crashes"),
    (signal.SIGKILL, RunError, r"A decoding process died .status -9. while it read .*2\.mp4: is there memory")])
def test_a_worker_that_dies_takes_its_files_name_along(items, monkeypatch, number, error, message, num_workers):
    def die(self, key):
        if key[1] == 2:
            signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
            os.kill(os.getpid(), number)
        return original(self, key)

    original = EvaluationClips.__getitem__
    monkeypatch.setattr(EvaluationClips, "__getitem__", die)
    with pytest.raises(error, match=message):
        list(batches_of(items, num_workers=num_workers))


def test_a_worker_that_dies_during_a_step_is_told_of_at_the_next_batch_and_not_in_the_step(items):
    """torch would raise from a signal handler, anywhere in the main thread."""
    others = {child.pid for child in multiprocessing.active_children()}  # an earlier test's may not have ended yet
    batches = iter(batches_of(4 * items, num_workers=1))
    next(batches)
    worker, = (child for child in multiprocessing.active_children() if child.pid not in others)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    for _ in range(1000):  # a handler runs between two lines of Python
        time.sleep(1e-4)
    with pytest.raises(RunError, match=r"A decoding process died \(status -9\)"):
        list(batches)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_file_that_kept_the_clock_waiting_is_tried_once_more_and_the_pass_is_the_same(items, monkeypatch, tmp_path,
                                                                                        num_workers, caplog):
    """A machine that slept, or a disk that was away: the second time all is well."""
    def die_once(self, key):
        if key[1] == 2 and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGALRM)
        return original(self, key)

    expected = [batch.waveform for batch in batches_of(items, num_workers=0)]
    original = EvaluationClips.__getitem__
    monkeypatch.setattr(EvaluationClips, "__getitem__", die_once)
    batches = batches_of(items, num_workers=num_workers)
    for _ in range(2):  # later passes have workers, too
        found = [batch.waveform for batch in batches]
        assert len(found) == len(expected)
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert [record.message for record in caplog.records] == [
        f"{items[2].path}: its decoder does not come back; make the file again or leave it out; tried once more."]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_decoder_that_hangs_is_an_error_with_the_name_of_the_file(items, monkeypatch, num_workers):
    """Native code that never gives the interpreter back: a sleep that swallows no signal stands for it."""
    class Hanging:
        def __init__(self, *_, **__):
            time.sleep(60)

    pytest.importorskip("decord")
    monkeypatch.setattr("decord.VideoReader", Hanging)
    monkeypatch.setattr("vaer.media.decoders.ALARM_S", 0.1)
    monkeypatch.setattr("vaer.media.decoders._decodes_whole", lambda *_: False)  # so the main process never asks decord
    started = time.monotonic()
    if num_workers:
        with pytest.raises(MediaError, match=r"\d\.mp4: its decoder does not come back"):
            list(batches_of(items, num_workers, decoder="decord"))
    else:
        assert len(list(batches_of(items, num_workers, decoder="decord"))) == 2
    assert time.monotonic() - started < 20


def test_a_decoder_that_is_not_there_is_said_before_anything_is_read(items, monkeypatch):
    monkeypatch.setattr("vaer.media.readers.is_usable", lambda name: name == "pyav")
    decoders.chosen.cache_clear()
    with pytest.raises(UserError, match=r"--data\.decoder torchcodec: is not usable here"):
        batches_of(items, 0, decoder="torchcodec")
    decoders.chosen.cache_clear()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_damaged_file_ends_the_pass_with_its_name(tmp_path, num_workers):
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    items = [make_item(write_wav(tmp_path / "good.wav", tone(1.0))), make_item(tmp_path / "bad.wav")]
    with pytest.raises(MediaError, match=r"bad\.wav: cannot be decoded") as caught:
        list(batches_of(items, num_workers))
    assert "Traceback" not in str(caught.value)



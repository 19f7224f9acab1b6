"""From clips to batches on the device: who gets which clip when, and what happens when a worker dies."""

import math
import os
import re
import signal
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing.process import BaseProcess
from time import perf_counter
from typing import Any

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch.utils.data import DataLoader, Dataset, Sampler

from vaer.data.buckets import by_length
from vaer.data.collate import collate
from vaer.data.dataset import EvaluationClips, TrainingClips
from vaer.data.mixup import mix_pairs
from vaer.data.shared_memory import batch_bytes, require_room, shared
from vaer.data.waiting import watch
from vaer.errors import GivenUpError, MediaError, RunError, UserError, log
from vaer.media import decoders
from vaer.presence import note_rows, rows_of
from vaer.records import Batch, Clip
from vaer.words import counted

# How a decoder dies of a file: by our own alarm, or by a fault of its own. Other signals come from outside.
WAITED = signal.SIGALRM  # the alarm that counts seconds by the clock: a pause or a stalled disk as well
DECODER_SIGNALS = {WAITED: "does not come back", signal.SIGPROF: "does not come back", signal.SIGSEGV: "crashes",
                   signal.SIGABRT: "crashes", signal.SIGFPE: "crashes"}


SAMPLED_ITEMS = 256  # items whose durations tell how long waveforms are


class StepSampler(Sampler[list[tuple[int, int]]]):
    """The (epoch, index) keys of each micro-batch of this process, `accumulation` of them a step.

    The order of an epoch is drawn from (seed, epoch) for all processes together, cut into steps of `batch_size`, the
    last incomplete one dropped; a step is cut into processes, those into micro-batches. With `seconds`, the length of
    every clip, the clips of a step are of like length. With `pairs` the first clip of an epoch and the second, the
    third and the fourth, ... stay in one micro-batch; UserError where those hold an odd number. `set_position` says
    where the next pass begins: workers that stay alive see no attribute change, so the epoch travels in the keys.
    """

    def __init__(self, num_items: int, *, batch_size: int, accumulation: int, seed: int, rank: int, world: int,
                 seconds: np.ndarray | None = None, pairs: bool = False) -> None:
        parts = world * accumulation
        if batch_size % parts:
            raise UserError(f"--train.batch_size {batch_size} cannot be cut into {counted(world, 'process')} times "
                            f"--train.accumulation {accumulation}; make it a multiple of {parts}.")
        if num_items < batch_size:
            raise UserError(f"--train.batch_size {batch_size} is more than the {counted(num_items, 'training clip')}; "
                            f"lower it to at most {num_items // parts * parts}.")
        if pairs and batch_size % (2 * parts):
            raise UserError(f"--train.mixup mixes clips two by two, and --train.batch_size {batch_size} makes parts of "
                            f"{counted(batch_size // parts, 'clip')}; make it a multiple of {2 * parts}.")
        self.num_items, self.batch_size, self.accumulation = num_items, batch_size, accumulation
        self.seed, self.rank, self.world, self.seconds = seed, rank, world, seconds
        self.epoch = self.first_step = 0

    @property
    def rows(self) -> int:
        """Clips of a micro-batch."""
        return self.batch_size // self.world // self.accumulation

    @property
    def together(self) -> int:
        """Micro-batches that are used at once."""
        return self.accumulation

    @property
    def steps(self) -> int:
        """Optimizer steps of a whole epoch."""
        return self.num_items // self.batch_size

    def set_position(self, epoch: int, step: int = 0) -> None:
        """Begin the next pass at step `step` of epoch `epoch`."""
        self.epoch, self.first_step = epoch, step

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.accumulation

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(self.num_items)
        if self.seconds is not None:
            order = by_length(order, self.seconds, self.batch_size, rng)
        share = self.batch_size // self.world
        for step in range(self.first_step, self.steps):
            first = step * self.batch_size + self.rank * share
            for part in np.split(order[first:first + share], self.accumulation):
                yield [(self.epoch, int(index)) for index in part]


class ViewSampler(Sampler[list[tuple[int, int]]]):
    """The (view, index) keys of this process in evaluation: every clip and view exactly once over all processes."""

    def __init__(self, num_items: int, *, views: int, batch_size: int, rank: int, world: int) -> None:
        self.indices, self.views, self.batch_size = range(rank, num_items, world), views, batch_size
        self.rows, self.together = min(batch_size, len(self.indices) * views), 1

    def __len__(self) -> int:
        return math.ceil(len(self.indices) * self.views / self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        keys = ((view, index) for index in self.indices for view in range(self.views))
        while batch := list(islice(keys, self.batch_size)):
            yield batch


class Batches:
    """An iterable of batches on the device that knows how long it was waited for and how much of its audio is padding.

    Ends the run with the name of the file where a worker process dies (a decoder that crashes or hangs takes its
    process with it): what each worker is busy with stands in shared memory. With `keep_bytes` the batches of a whole
    pass are decoded once and kept, where they need no more than that: for clips in which nothing is random.
    """

    def __init__(self, clips: TrainingClips | EvaluationClips, sampler: Sampler, *, num_workers: int,
                 device: torch.device, keep_bytes: int = 0, multiple: int = 1) -> None:
        self.clips, self.sampler, self.device = clips, sampler, device
        self.keep_bytes = keep_bytes
        self.kept: list[Batch] | None = None
        """Every batch of a pass, in main memory, once one has ended."""
        self.begun: Iterator[Batch | UserError] | None = None
        """A pass that decodes already, before anybody asks for its first batch."""
        self.waited_s = 0.0
        self.samples = np.zeros(2, dtype=np.int64)
        """True samples of audio in all batches so far, and those with padding."""
        self.interrupted: Callable[[], bool] = lambda: False
        """Whether a signal asked for the end: it is not waited for data any longer then."""
        self.busy = torch.full((max(1, num_workers), 2), -1, dtype=torch.long).share_memory_()
        """A row a worker: the index that it reads, or -1, and its process number."""
        config = clips.config
        on_gpu = config.decode_device == "cuda" and clips.wanted.video
        if clips.wanted.video:
            decoders.chosen(config.decoder, config.decode_device)  # what is missing is said before anything is read
        require_room(self._batch_bytes(), num_workers=num_workers, together=sampler.together, batches=len(sampler))
        self.make_loader = partial(
            DataLoader, _Reporting(clips, self.busy), num_workers=num_workers,
            persistent_workers=num_workers > 0, pin_memory=device.type == "cuda", worker_init_fn=_leave_group,
            multiprocessing_context="spawn" if on_gpu and num_workers else None,  # CUDA does not survive a fork
            generator=torch.Generator(),  # else every pass draws from the global one, and a resumed run draws once more
            collate_fn=partial(_collate_or_error, num_frames=config.num_frames, size=config.size, wanted=clips.wanted,
                               multiple=multiple))
        self.loader = self.make_loader(batch_sampler=sampler)

    def __len__(self) -> int:
        return len(self.sampler)

    def begin(self) -> None:
        """Let decoding processes begin the next pass, from where the sampler stands, while others use the processor."""
        if self.loader.num_workers and self.kept is None:
            self.begun = self._watched(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        return self._decoded() if self.kept is None else map(self._sent, self.kept)

    def _decoded(self) -> Iterator[Batch]:
        started = perf_counter()
        iterator, delivered, tried = self.begun, 0, set()
        self.begun, copies = None, _Copies(self.keep_bytes, len(self))
        while True:
            try:
                iterator = self._watched(self.loader) if iterator is None else iterator
                batch = next(iterator)
            except StopIteration:
                self._keep(copies)
                return
            except RunError:  # a wait that was given up
                raise
            except RuntimeError as error:
                failure = self._named(error, getattr(iterator, "_workers", []))
                _dismiss(iterator)
                if not isinstance(failure, GivenUpError) or failure.path in tried:
                    raise failure from error
                tried.add(failure.path)
                iterator = self._once_more(failure, delivered)
                continue
            if isinstance(batch, UserError):
                raise batch
            if batch.waveform is not None:
                self.samples += int(batch.num_samples.sum()), batch.waveform.numel()
            copies.add(batch)
            batch = self._sent(batch)
            self.waited_s += perf_counter() - started
            delivered += 1
            yield batch
            started = perf_counter()

    def _sent(self, batch: Batch) -> Batch:
        """The batch on the device; what the network would have to ask of it is known before."""
        rows = rows_of(batch.has_video), rows_of(batch.has_audio)
        batch = send_to_device(batch, self.device, non_blocking=True)
        return batch._replace(has_video=note_rows(batch.has_video, rows[0]),
                              has_audio=note_rows(batch.has_audio, rows[1]))

    def _keep(self, copies: "_Copies") -> None:
        if copies.whole:
            self.kept = copies.batches
            self.loader = self.make_loader(batch_sampler=self.sampler)  # the processes of the old one end with it
        self.keep_bytes = 0

    def _once_more(self, failure: GivenUpError, delivered: int) -> Iterator[Batch | UserError]:
        """The rest of a pass by new workers: the same batches, since what is random about a clip is drawn from its key.

        For a file whose decoder did not come back in time: the machine may have been asleep, or its disk away.
        """
        log.warning(f"{failure}; tried once more.")
        self.busy[:] = -1
        rest = islice(iter(self.sampler), delivered, None)
        self.loader = self.make_loader(batch_sampler=self.sampler)  # for later passes: a worker of the old one is dead
        return self._watched(self.make_loader(batch_sampler=list(rest), persistent_workers=False))

    def _watched(self, loader: DataLoader) -> Iterator[Batch | UserError]:
        """A pass of a loader whose waits end."""
        iterator = _without_alarm(loader)
        if loader.num_workers and not hasattr(iterator, "watched"):  # it stays over epochs, as its processes do
            batches = weakref.proxy(self)
            watch(iterator, lambda: batches._reading(), lambda: batches.interrupted())
            iterator.watched = True
        return iterator

    def _reading(self) -> dict[int, str]:
        return {process: self.clips.items[index].path for index, process in self.busy.tolist() if index >= 0}

    def _batch_bytes(self) -> int:
        """Of a batch at least: lengths of waveforms count where the corpus says them."""
        config, items = self.clips.config, self.clips.items
        longest = config.max_seconds if config.window_s is None else config.window_s
        some = [items[index] for index in range(0, len(items), max(1, len(items) // SAMPLED_ITEMS))]
        seconds = np.mean([min(longest, item.duration_s or 0.0) for item in some]) if self.clips.wanted.audio else 0.0
        return batch_bytes(self.sampler.rows, frames=config.num_frames * self.clips.wanted.video, size=config.size,
                           seconds=float(seconds))

    def _named(self, error: RuntimeError, workers: list[BaseProcess]) -> RuntimeError | MediaError:
        died = re.search(r"DataLoader worker \(pid(?:\(s\))? (\d+).*(exited unexpectedly|killed by signal)", str(error))
        if died is None:
            return error
        dead = next(worker for worker in workers if worker.pid == int(died[1]))
        dead.join()  # what it died of is known then
        paths = [self.clips.items[index].path for index, process in self.busy.tolist()
                 if process == dead.pid and index >= 0]
        if paths and -dead.exitcode in DECODER_SIGNALS:
            kind = GivenUpError if -dead.exitcode == WAITED else MediaError
            return kind(paths[0], f"its decoder {DECODER_SIGNALS[-dead.exitcode]}; make the file again or leave it out")
        what = ("more in /dev/shm (docker run --shm-size)" if -dead.exitcode == signal.SIGBUS
                else f"memory enough for --data.num_workers {len(self.busy)}")
        return RunError(f"A decoding process died (status {dead.exitcode}) while it read "
                        f"{paths[0] if paths else 'nothing'}: is there {what}?")


def _without_alarm(loader: DataLoader) -> Iterator:
    """A pass of a loader that tells of a dead worker where it is waited for, and nowhere else.

    torch raises the death of a worker from a signal handler: in the middle of a training step, where nobody knows
    which file it read. Each wait asks after its workers anyway, once a second.
    """
    before = signal.getsignal(signal.SIGCHLD)
    iterator = iter(loader)
    if signal.getsignal(signal.SIGCHLD) is not before:  # torch sets it once a process, in the main thread
        signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)
    return iterator


class _Copies:
    """Batches of a pass in main memory, up to `room` bytes; shared memory is too small to hold them."""

    def __init__(self, room: int, num_batches: int) -> None:
        self.room, self.num_batches = room, num_batches
        self.batches: list[Batch] = []

    def add(self, batch: Batch) -> None:
        """Copy a batch, or let go of all where the pass does not fit."""
        size = sum(part.nbytes for part in batch if part is not None)
        if size * (1 if self.batches else self.num_batches) > self.room:
            self.room, self.batches = 0, []
        else:
            self.room -= size
            self.batches.append(Batch(*(None if part is None else part.clone() for part in batch)))

    @property
    def whole(self) -> bool:
        """Whether every batch is there."""
        return 0 < len(self.batches) == self.num_batches


def _dismiss(iterator: Iterator) -> None:
    """End the workers of a pass that failed; torch may tell of the dead one again meanwhile, or from a finaliser."""
    if hasattr(iterator, "_shutdown_workers"):
        with suppress(RuntimeError):
            iterator._shutdown_workers()


def _leave_group(worker: int) -> None:
    """Ctrl-C and `kill` reach whole process groups; the main process ends the run in order, and its workers with it."""
    os.setpgid(0, 0)


def _collate_or_error(clips: list[Clip | UserError], **settings: Any) -> Batch | UserError:
    error = next((clip for clip in clips if isinstance(clip, UserError)), None)
    if error is not None:
        return error
    batch = collate(mix_pairs(clips), **settings)
    return batch if torch.utils.data.get_worker_info() is None else shared(batch)


class _Reporting(Dataset):
    """Clips that leave the index of the one being read where the main process can see it."""

    def __init__(self, clips: Dataset, busy: torch.Tensor) -> None:
        self.clips, self.busy = clips, busy

    def __getitem__(self, key: tuple[int, int]) -> Clip | UserError:
        worker = torch.utils.data.get_worker_info()
        slot = 0 if worker is None else worker.id
        self.busy[slot] = torch.tensor([key[1], os.getpid()])
        try:
            return self.clips[key]
        except UserError as error:  # raised in a worker it would arrive as another type, with a traceback for a message
            return error
        finally:
            self.busy[slot, 0] = -1


def evaluation_batches(clips: EvaluationClips, *, batch_size: int, num_workers: int, device: torch.device, rank: int,
                       world: int, keep_bytes: int = 0) -> Batches:
    """This process's share of every clip and view of `clips`; `keep_bytes` as in `Batches`."""
    sampler = ViewSampler(len(clips), views=clips.views, batch_size=batch_size, rank=rank, world=world)
    return Batches(clips, sampler, num_workers=num_workers, device=device, keep_bytes=keep_bytes)

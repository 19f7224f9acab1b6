"""One command at a time trains into a folder: a lock in it, which ends with the process that holds it.

The kernel keeps the lock, over network file systems too, where those are set up so. For the others its file says who
holds it and beats like a heart: what another machine holds, and does not move any more, is free.

The package filelock has both halves, yet in two classes: its native lock names no holder and goes without the file
system's locks on ENOSYS alone; its lease by heartbeat takes the folder from a process that is merely suspended.
"""

import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vaer.errors import UserError, log

if TYPE_CHECKING:  # costs torch
    from accelerate import Accelerator

NAME = ".lock"
BEAT_S = 5.0
SILENT_S = 30.0
"""Another machine whose lock has not moved for this long is dead, seconds."""
WIDTH = 512  # bytes of the file: it is written over in place, never shorter
HELD = {errno.EACCES, errno.EAGAIN}
WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
MINE: set[tuple[int, int]] = set()
"""Files (device, inode) of the locks that this process holds."""


@contextmanager
def held(folder: Path, accelerator: "Accelerator") -> Iterator[None]:
    """Hold a folder for all processes of this run; raises UserError on each of them where another run holds it."""
    from accelerate.utils import broadcast_object_list

    lock, refusal = None, [None]
    if accelerator.is_main_process:
        try:
            lock = Lock(folder)
        except (UserError, OSError) as error:
            refusal = [error]
    try:
        refusal = broadcast_object_list(refusal)
        if refusal[0] is not None:
            raise refusal[0]
        yield
    finally:
        if lock is not None:
            lock.release()


class Owner(NamedTuple):
    """What the file of a lock says of who holds it."""

    process: int
    host: str
    boot: str
    since: str
    beat: int


class Lock:
    """A folder, made where it is not there yet, that this process alone trains into; raises UserError."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME
        place = Path(os.path.realpath(folder))  # a link may stand where its folder does not yet
        self.made = [path for path in (place, *place.parents) if not path.exists()]
        place.mkdir(parents=True, exist_ok=True)
        self.beats, self.ended, self.since = 0, threading.Event(), time.strftime("%Y-%m-%d %H:%M:%S")
        self.heart = threading.Thread(target=self._live, daemon=True)
        try:
            self.file = self._take()
        except BaseException:
            self._remove_made()
            raise
        self.key = _identity(self.file)
        MINE.add(self.key)
        try:
            self._beat()
        except BaseException:
            self._give_free()
            raise
        self.heart.start()

    def release(self) -> None:
        """Give the folder free, and take it away where nothing was written to it."""
        self.ended.set()
        self.heart.join()
        self._give_free()

    def _give_free(self) -> None:
        MINE.discard(self.key)
        with suppress(OSError):  # the folder may have been deleted or moved meanwhile
            if _identity(self.path) == self.key:
                self.path.unlink()
        os.close(self.file)
        self._remove_made()

    def _take(self) -> int:
        """The open file of the lock, locked; waits for a sign of life where another machine may hold it."""
        file, owner = self._open()
        deadline = time.monotonic() + SILENT_S
        told = False
        while owner is not None:
            if not told:
                log.warning("%s: waiting up to %.0f s for a sign of life of process %d on %s, which did not end in "
                            "order", self.folder, SILENT_S, owner.process, owner.host)
                told = True
            os.close(file)
            time.sleep(min(BEAT_S / 2, 1.0))
            file, now = self._open()  # anew each time: what other machines wrote is seen then
            if now is not None and now != owner:
                os.close(file)
                raise self._refusal(now)
            if now is None or time.monotonic() > deadline:
                break
        return file

    def _open(self) -> tuple[int, Owner | None]:
        """The file, locked, and who may live on another machine; raises UserError where the lock is not to be had."""
        while True:
            with suppress(FileNotFoundError):
                if _identity(self.path) in MINE:  # the kernel would let this process have it once more
                    raise self._refusal(None)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            certain = True
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                owner = _owner(os.pread(file, WIDTH, 0))
                os.close(file)
                if error.errno in HELD:
                    raise self._refusal(owner) from error
                if error.errno not in WITHOUT_LOCKS:
                    raise OSError(error.errno, error.strerror, str(self.path)) from error
                file, certain = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666), False
            with suppress(FileNotFoundError):  # given free and taken away between opening and locking
                if _identity(self.path) == _identity(file):
                    owner = _owner(os.pread(file, WIDTH, 0))
                    here = certain and owner is not None and owner.boot == _boot()
                    return file, None if here else owner
            os.close(file)

    def _beat(self) -> None:
        self.beats += 1
        owner = Owner(os.getpid(), socket.gethostname(), _boot(), self.since, self.beats)
        try:
            os.pwrite(self.file, json.dumps(owner._asdict()).ljust(WIDTH).encode(), 0)
            os.fsync(self.file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def _live(self) -> None:
        while not self.ended.wait(BEAT_S):
            try:
                self._beat()
            except OSError as error:  # training goes on as long as its own files can be written
                log.warning("%s: cannot say that this run lives (%s)", self.path, error.strerror)
                return

    def _refusal(self, owner: Owner | None) -> UserError:
        whom = ("another command" if owner is None else
                f"process {owner.process} on {owner.host}, which began {owner.since}")
        return UserError(f"{self.folder}: {whom} trains into this folder; wait until that has ended, end it, or choose "
                         f"another --output.")

    def _remove_made(self) -> None:
        for path in self.made:
            with suppress(OSError):  # it holds a run by now
                path.rmdir()


def _identity(file: int | Path) -> tuple[int, int]:
    found = os.stat(file)
    return found.st_dev, found.st_ino


def _owner(content: bytes) -> Owner | None:
    """Who wrote the file of a lock; None where that is empty, or was cut off."""
    try:
        values: dict[str, Any] = json.loads(content)
        return Owner(**values)
    except (ValueError, TypeError):
        return None


def _boot() -> str:
    """What tells this machine, since it was started, from others."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()

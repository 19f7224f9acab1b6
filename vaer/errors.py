"""What goes wrong because of the input, not because of us: one sentence with what, where and the remedy."""

import logging
import os
from functools import cache
from pathlib import Path

log = logging.getLogger("vaer")


class UserError(ValueError):
    """Something the user can mend; the command line shows its message alone and exits with status 2."""


class NewerFormatError(UserError):
    """A file that a newer vaer wrote, in a format that this one does not know."""

    def __init__(self, path: str | Path, found: object, known: int) -> None:
        super().__init__(f"{path}: was written by a newer vaer (format {found}; this one reads up to {known}); "
                         f"update vaer (`git pull` and `make setup` in a clone).")
        self.found, self.known = found, known


class RunError(RuntimeError):
    """A run that cannot go on (a loss that is not finite, say); one sentence on stderr, exit status 1."""


class MediaError(UserError):
    """A file that cannot be read as frames or audio; keeps `path` and `reason`."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{as_text(path)}: {reason}")
        self.path = str(path)
        self.reason = reason

    def __reduce__(self) -> tuple:  # workers send errors by pickle, which would call __init__ with the message alone
        return type(self), (self.path, self.reason)


class GivenUpError(MediaError):
    """A file on which work was given up, which says nothing about the file: it is tried again by the next call."""


@cache
def warn_once(message: str) -> None:
    """Log a warning, once however often a corpus is read."""
    log.warning(message)


def first_line(error: BaseException) -> str:
    """What another library says in the first line of an error; its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def as_text(path: str | Path) -> str:
    """A path as text that any file and screen takes: bytes of a name that are not UTF-8 stand as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")

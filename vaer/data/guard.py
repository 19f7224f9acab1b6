"""The guard: no speaker, no take and no file stands on two sides of a split."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import combinations
from typing import BinaryIO

from vaer.data.spelling import plain, shown
from vaer.errors import MediaError, UserError
from vaer.records import UNKNOWN_SPEAKER, Item, Split

SIDES = ("train", "validation", "test")
NAMED = 5  # culprits of a kind that the message names
MOST = 60  # speakers that a list names
END = 4096  # bytes; files that differ mostly do so in the first or the last page
File = tuple[str, tuple[int, int]]  # path, size and date


def find_leaks(split: Split, *, speakers: bool = True) -> list[str]:
    """A sentence for every kind of thing that stands on two sides, with its names; empty where nothing does.

    `speakers` says whether a speaker counts. Files are the same where their bytes are: only files of equal size on
    different sides are opened, and read whole where they begin and end alike. Raises MediaError for a file that cannot
    be.
    """
    leaks = []
    files = {side: _by_size(getattr(split, side)) for side in SIDES}
    people = {side: {item.speaker for item in getattr(split, side)} - {UNKNOWN_SPEAKER} for side in SIDES}
    for one, other in combinations(SIDES, 2):
        left, right = getattr(split, one), getattr(split, other)
        if speakers:
            leaks += _shared_speakers(people[one], people[other], one, other)
        takes = {item.take for item in left} & {item.take for item in right}
        if takes:
            leaks.append(f"takes {_listed(sorted(takes))} stand in {one} and in {other}")
        pairs = [f"{first} ({one}) and {second} ({other})" for first, second in _same_files(files[one], files[other])]
        if pairs:
            leaks.append(f"the same bytes are in {_listed(pairs)}")
    return leaks


def _shared_speakers(left: set[str], right: set[str], one: str, other: str) -> list[str]:
    """Speakers on two sides, and those whose names are spellings of one."""
    leaks = []
    if shared := left & right:
        leaks.append(f"speakers {_listed(ordered(shared), most=MOST)} stand in {one} and in {other}")
    names = {plain(name): name for name in left}
    if pairs := [(names[plain(name)], name) for name in ordered(right - left) if plain(name) in names
                 and names[plain(name)] not in shared]:
        spellings = [f"{shown(pair)}" for pair in pairs]
        leaks.append(f"speakers {_listed(spellings)}, spellings of one name, stand in {one} and in {other} (write the "
                     f"name of a person in one way)")
    return leaks


def require_none(leaks: list[str]) -> None:
    """Raise UserError with the names of the culprits where there are leaks."""
    if leaks:
        raise UserError(f"The split leaks: {'; '.join(leaks)}. Mend the corpus or the protocol, or train all the same "
                        f"with --data.lift_guard true, which every score will say.")


def names(items: list[Item]) -> str:
    """The speakers of some clips, numbers in their order; of very many the first."""
    known = {item.speaker for item in items} - {UNKNOWN_SPEAKER}
    return _listed(ordered(known), most=MOST) if known else "unknown"


def ordered(speakers: set[str]) -> list[str]:
    """Names of speakers in their order, numbers by size."""
    return sorted(speakers, key=lambda name: (len(name), name))


def _listed(parts: list[str], most: int = NAMED) -> str:
    return ", ".join(parts[:most]) + (f" and {len(parts) - most} more" if len(parts) > most else "")


def _same_files(left: dict[int, list[File]], right: dict[int, list[File]]) -> list[tuple[str, str]]:
    """Pairs of paths with the same content; one path on both sides is one take, which is told as such."""
    pairs = []
    for size in sorted(set(left) & set(right)):
        groups = [(left[size], right[size])]
        for content in (_ends, _digest) if size > 2 * END else (_digest,):
            groups = [alike for group in groups for alike in _alike(*group, content)]
        pairs += [(twin, path) for ours, theirs in groups for path, _ in theirs for twin, _ in ours if twin != path]
    return pairs


def _alike(left: list[File], right: list[File], content: Callable[..., bytes]) -> list[tuple[list[File], list[File]]]:
    """The files of both sides in groups of equal `content`; what only one side has is left out."""
    sides = [defaultdict(list), defaultdict(list)]
    for side, files in zip(sides, (left, right), strict=True):
        for path, version in files:
            side[content(path, *version)].append((path, version))
    return [(sides[0][key], files) for key, files in sides[1].items() if key in sides[0]]


def _by_size(items: list[Item]) -> dict[int, list[File]]:
    files = defaultdict(list)
    for path in sorted({path for item in items for path in (item.path, item.audio_path) if path is not None}):
        try:
            status = os.stat(path)
        except OSError as error:
            raise MediaError(path, f"cannot be opened ({error.strerror}); check path and permissions") from error
        files[status.st_size].append((path, (status.st_size, status.st_mtime_ns)))
    return files


@lru_cache(maxsize=100_000)
def _digest(path: str, num_bytes: int, modified_ns: int) -> bytes:
    """The content of a file in short, read once for all folds as long as its size and date stay."""
    with _opened(path) as file:
        return hashlib.file_digest(file, "blake2b").digest()


@lru_cache(maxsize=100_000)
def _ends(path: str, num_bytes: int, modified_ns: int) -> bytes:
    """The first and the last bytes of a file, in short."""
    with _opened(path) as file:
        head = file.read(END)
        file.seek(-END, os.SEEK_END)
        return hashlib.blake2b(head + file.read(END), digest_size=16).digest()


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror}); check the path and its permissions") from error

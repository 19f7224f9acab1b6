"""The guard: no speaker, no take and no file stands on two sides of a split."""

import hashlib
import os
from collections import defaultdict
from functools import cache
from itertools import combinations

from vaer.errors import MediaError, UserError
from vaer.records import Item, Split

SIDES = ("train", "validation", "test")
NAMED = 5  # culprits of a kind that the message names


def find_leaks(split: Split, *, speakers: bool = True) -> list[str]:
    """A sentence for every kind of thing that stands on two sides, with its names; empty where nothing does.

    `speakers` says whether a speaker counts. Files are the same where their bytes are: only files of equal size on
    different sides are read. Raises MediaError for a file that cannot be.
    """
    leaks = []
    for one, other in combinations(SIDES, 2):
        left, right = getattr(split, one), getattr(split, other)
        if speakers and (shared := {item.speaker for item in left} & {item.speaker for item in right}):
            leaks.append(f"speakers {', '.join(_ordered(shared))} stand in {one} and in {other}")
        takes = {item.take for item in left} & {item.take for item in right}
        if takes:
            leaks.append(f"takes {_listed(sorted(takes))} stand in {one} and in {other}")
        pairs = [f"{first} ({one}) and {second} ({other})" for first, second in _same_files(left, right)]
        if pairs:
            leaks.append(f"the same bytes are in {_listed(pairs)}")
    return leaks


def require_none(leaks: list[str]) -> None:
    """Raise UserError with the names of the culprits where there are leaks."""
    if leaks:
        raise UserError(f"The split leaks: {'; '.join(leaks)}. Mend the corpus or the protocol, or train all the same "
                        f"with --data.lift_guard true, which every score will say.")


def names(items: list[Item]) -> str:
    """The speakers of some clips, numbers in their order."""
    return ", ".join(_ordered({item.speaker for item in items}))


def _ordered(speakers: set[str]) -> list[str]:
    return sorted(speakers, key=lambda name: (len(name), name))


def _listed(parts: list[str]) -> str:
    return ", ".join(parts[:NAMED]) + (f" and {len(parts) - NAMED} more" if len(parts) > NAMED else "")


def _same_files(left: list[Item], right: list[Item]) -> list[tuple[str, str]]:
    """Pairs of paths with the same content; one path on both sides is one take, which is told as such."""
    sizes = [_by_size(side) for side in (left, right)]
    pairs = []
    for size in sorted(set(sizes[0]) & set(sizes[1])):
        known = defaultdict(list)
        for path, version in sizes[0][size]:
            known[_digest(path, *version)].append(path)
        pairs += [(twin, path) for path, version in sizes[1][size] for twin in known.get(_digest(path, *version), ())
                  if twin != path]
    return pairs


def _by_size(items: list[Item]) -> dict[int, list[tuple[str, tuple[int, int]]]]:
    files = defaultdict(list)
    for path in sorted({path for item in items for path in (item.path, item.sound) if path is not None}):
        try:
            status = os.stat(path)
        except OSError as error:
            raise MediaError(path, f"cannot be opened ({error.strerror}); check path and permissions") from error
        files[status.st_size].append((path, (status.st_size, status.st_mtime_ns)))
    return files


@cache
def _digest(path: str, num_bytes: int, modified_ns: int) -> bytes:
    """The content of a file in short, read once for all folds as long as its size and date stay."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror}); check the path and its permissions") from error

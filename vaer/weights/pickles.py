"""Reading files of weights that strangers wrote: by content, whatever they are called, and without running them."""

import pickle
import re
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vaer.errors import UserError

SAFETENSORS = b'{"'  # after eight bytes that say how long the table of contents is
ZIP = b"PK\x03\x04"  # torch.save since 1.6
LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # torch.save before: the number its files begin with
# What a damaged pickle raises, besides its own error.
DAMAGED = (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError, ImportError,
           OverflowError, MemoryError, RuntimeError, AssertionError, struct.error)


def read_file(path: Path) -> Any:
    """The content of a safetensors file, a torch checkpoint or a pickle of arrays; raises UserError for all else.

    Tensors are found in it as such, the arrays of a pickle as `Array`.
    Nothing in the file is run: torch reads with `weights_only`, pickles may hold arrays and plain containers alone.
    """
    with path.open("rb") as file:
        start = file.read(16)
        file.seek(0)
        if start.startswith((ZIP, LEGACY)):
            return _read_torch(path, file)
        if path.suffix == ".safetensors" or start[8:10] == SAFETENSORS:
            return _read_safetensors(path)
        return _read_arrays(path, file)


def tensor_of(path: Path, name: str, value: Any) -> Tensor:
    """A tensor or an array of `read_file` as a tensor; raises UserError where it is neither."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, Array) or not hasattr(value, "values"):  # an array may come without its numbers
        raise UserError(f"{path}: {name} is a {type(value).__name__} where an array of numbers was expected; "
                        f"name a file of weights.")
    return torch.from_numpy(value.values.astype(value.values.dtype.newbyteorder("=")))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path}: is not a whole safetensors file ({error}); copy or download it again.") from error


def _read_torch(path: Path, file: BinaryIO) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)  # of a path it would believe the ending
    except DAMAGED as error:
        refused = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))  # behind a page of advice to run it
        reason = f"it asks for {refused[1]}" if refused else str(error).partition(". ")[0].partition("\n")[0]
        raise UserError(f"{path}: torch does not read it as weights alone ({reason}); if it is damaged, copy or "
                        f"download it again, and if it holds more than weights, do not trust it.") from error


def _read_arrays(path: Path, file: BinaryIO) -> Any:
    unpickler = ArrayUnpickler(file, encoding="latin1")  # the bytes of Python 2's strings, one a character
    try:
        return unpickler.load()
    except ForbiddenName as error:
        raise UserError(f"{path}: asks for {error}, which no weights need: it was not run, and should not be trusted; "
                        f"download it again from its publisher.") from error
    except DAMAGED as error:
        raise UserError(f"{path}: is neither a safetensors file, nor a torch checkpoint, nor a pickle of arrays "
                        f"({' '.join(str(error).split())}); copy or download it again.") from error


class ForbiddenName(pickle.UnpicklingError):
    """A pickle that wants something beside arrays and containers; the message is its name."""


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that can make arrays of numbers, strings and plain containers, and nothing else.

    Not even numpy's own functions are called: they believe what a file says of an array's memory.
    """

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name in the file; raises ForbiddenName for all but the few names of `ADMITTED`."""
        if (module, name) not in ADMITTED:
            raise ForbiddenName(f"{module}.{name}")
        return ADMITTED[module, name]


class NumberType:
    """What a file says of the type of an array's numbers: `f4` and the like, and the order of their bytes."""

    def __init__(self, code: str, *_: Any) -> None:
        if not re.fullmatch(r"[fiub][1248]", code):
            raise ForbiddenName(f"arrays of {code}")
        self.type = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        """The second value of the state is the order of the bytes."""
        self.type = self.type.newbyteorder(state[1])


class Array:
    """An array in a file; `values` are its numbers once its state was read."""

    values: np.ndarray

    def __init__(self, *_: Any) -> None:  # the type, shape and kind of numbers of an empty array that is then filled
        pass

    def __setstate__(self, state: tuple) -> None:
        """Version, shape, type of the numbers, whether the first index runs fastest, bytes."""
        _, shape, number_type, first_fastest, data = state
        self.values = _numbers(data, number_type, shape, "F" if first_fastest else "C").values


def _numbers(data: Any, number_type: NumberType, shape: tuple[int, ...], order: str) -> Array:
    """An array of its bytes; Python 2 wrote them as a string, which was read a character a byte."""
    array = Array()
    data = data.encode("latin1") if isinstance(data, str) else data
    array.values = np.frombuffer(data, number_type.type).reshape(shape, order=order)
    return array


def _number(number_type: NumberType, data: Any) -> int | float:
    return _numbers(data, number_type, (), "C").values.item()


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """The bytes of an array in a pickle of Python 3 in the format of Python 2."""
    if encoding != "latin1":
        raise ForbiddenName(f"the codec {encoding}")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "the type of an array, which is not called", ("numpy", "dtype"): NumberType,
    ("collections", "OrderedDict"): OrderedDict, ("_codecs", "encode"): _latin1_bytes}
for _package in ("numpy.core", "numpy._core"):  # before numpy 2, and since
    ADMITTED |= {(f"{_package}.multiarray", "_reconstruct"): Array, (f"{_package}.multiarray", "scalar"): _number,
                 (f"{_package}.numeric", "_frombuffer"): _numbers}  # the last in the format of protocol 5

"""Reading files of weights that strangers wrote: by content, whatever they are called, and without running them."""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vaer.errors import UserError

ZIP = b"PK\x03\x04"  # torch.save since 1.6
LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # torch.save before: the number its files begin with
# What a damaged pickle raises, besides its own error.
DAMAGED = (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError, ImportError,
           OverflowError, MemoryError, RuntimeError)


def read_file(path: Path) -> Any:
    """The content of a safetensors file, a torch checkpoint or a pickle of arrays; raises UserError for all else.

    Nothing in the file is run: torch reads with `weights_only`, pickles may hold arrays and plain containers alone.
    """
    with path.open("rb") as file:
        start = file.read(16)
        file.seek(0)
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        if start.startswith((ZIP, LEGACY)):
            return _read_torch(path)
        return _read_arrays(path, file)


def tensor_of(path: Path, name: str, value: Any) -> Tensor:
    """An array of numbers as a tensor; raises UserError where it is none."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise UserError(f"{path}: {name} is a {type(value).__name__} where an array of numbers was expected; "
                        f"name a file of weights.")
    return torch.from_numpy(value.astype(value.dtype.newbyteorder("="), order="C"))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path}: is not a whole safetensors file ({error}); copy or download it again.") from error


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGED as error:
        reason = str(error).split("\n")[0]
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
                        f"({error}); copy or download it again.") from error


class ForbiddenName(pickle.UnpicklingError):
    """A pickle that wants something beside arrays and containers; the message is its name."""


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that can make numpy arrays, numbers, strings and containers, and nothing else."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """What stands behind a name in the file; raises ForbiddenName for all but the few names of `ADMITTED`."""
        if (module, name) not in ADMITTED:
            raise ForbiddenName(f"{module}.{name}")
        return ADMITTED[module, name]


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """The bytes of an array in a pickle of Python 3 in the format of Python 2."""
    if encoding != "latin1":
        raise ForbiddenName(f"the codec {encoding}")
    return text.encode("latin1")


def _admitted() -> dict[tuple[str, str], Callable[..., Any]]:
    # Taken from numpy's own hands: the module of these functions was renamed in numpy 2.
    makers = {"_reconstruct": np.empty(0).__reduce__()[0], "scalar": np.float64(0).__reduce__()[0]}
    admitted: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype, ("collections", "OrderedDict"): OrderedDict,
        ("_codecs", "encode"): _latin1_bytes}
    frombuffer = np.empty(1).__reduce_ex__(5)[0]  # the format of protocol 5
    for package in ("numpy.core", "numpy._core"):
        admitted |= {(f"{package}.multiarray", name): maker for name, maker in makers.items()}
        admitted[f"{package}.numeric", "_frombuffer"] = frombuffer
    return admitted


ADMITTED = _admitted()

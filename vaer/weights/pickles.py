"""Reading files of weights that strangers wrote: by content, whatever they are called, and without running them."""

import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vaer.errors import UserError
from vaer.placeholders import describe_placeholder
from vaer.weights.arrays import MAKERS, Array, ForbiddenName, NumberType
from vaer.weights.checkpoints import DAMAGED, HOSTILE, SAVE, read_torch

SAFETENSORS = b'{"'  # after eight bytes that say how long the table of contents is
ZIP = b"PK"  # torch.save since 1.6
LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # torch.save before: the number its files begin with
ARCHIVES = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"7z\xbc\xaf": "7z", b"Rar!": "rar",
            b"\x28\xb5\x2f\xfd": "zstandard"}
TAR, TAR_AT = b"ustar", 257
OTHERS = {b"\x89HDF": "an HDF5 file, as Keras writes them", b"GGUF": "a GGUF file", b"\x93NUMPY": "one array of numpy",
          b"{": "text in JSON", b"[": "text in JSON"}
HEAD = TAR_AT + len(TAR)


def read_file(path: Path) -> Any:
    """The content of a safetensors file, a torch checkpoint or a pickle of arrays; raises UserError for all else.

    Tensors are found in it as such, the arrays of a pickle as `Array`.
    Nothing in the file is run: torch reads with `weights_only`, pickles may hold arrays and plain containers alone.
    """
    placeholder = describe_placeholder(path)
    if placeholder:
        raise UserError(f"{path}: {placeholder}.")
    with path.open("rb") as file:
        start = file.read(HEAD)
        file.seek(0)
        if start.startswith((ZIP, LEGACY)):
            return read_torch(path, file)
        if start[8:10] == SAFETENSORS:
            return _read_safetensors(path)
        _require_weights(path, start)
        return _read_safetensors(path) if path.suffix == ".safetensors" else _read_arrays(path, file)


def _require_weights(path: Path, start: bytes) -> None:
    """Raise UserError for files of other kinds that are known by how they begin."""
    archive = next((name for mark, name in ARCHIVES.items() if start.startswith(mark)), None)
    if archive is not None or start[TAR_AT:] == TAR:
        raise UserError(f"{path}: is a packed file ({archive or 'tar'}); unpack it, and name the file of weights in "
                        f"it.")
    other = next((about for mark, about in OTHERS.items() if start.startswith(mark)), None)
    if other is not None:
        raise UserError(f"{path}: is {other}, and holds no weights that are read here; name a file of safetensors, a "
                        f"torch checkpoint or a pickle of arrays (docs/weights.md).")


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


def _read_arrays(path: Path, file: BinaryIO) -> Any:
    unpickler = ArrayUnpickler(file, encoding="latin1")  # the bytes of Python 2's strings, one a character
    try:
        return unpickler.load()
    except ForbiddenName as error:
        if _is_foreign(str(error)):
            raise UserError(f"{path}: asks for {error}, which is neither an array nor a plain container: nothing of it "
                            f"was run; {SAVE}.") from error
        raise UserError(f"{path}: asks for {error}, which no weights need: it was not run, and should not be trusted; "
                        f"download it again from its publisher.") from error
    except DAMAGED as error:
        raise UserError(f"{path}: is neither a safetensors file, nor a torch checkpoint, nor a pickle of arrays "
                        f"({' '.join(str(error).split())}); copy or download it again.") from error


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that can make arrays of numbers, strings and plain containers, and nothing else.

    Not even numpy's own functions are called: they believe what a file says of an array's memory.
    """

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name in the file; raises ForbiddenName for all but the few names of `ADMITTED`."""
        if (module, name) not in ADMITTED:
            raise ForbiddenName(f"{module}.{name}")
        return ADMITTED[module, name]


def _is_foreign(name: str) -> bool:
    """Whether what a pickle asks for is a thing that weights may lie beside or in, and no attack."""
    return re.fullmatch(r"[\w.]+\.\w+", name) is not None and HOSTILE.fullmatch(name) is None


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """The bytes of an array in a pickle of Python 3 in the format of Python 2."""
    if encoding != "latin1":
        raise ForbiddenName(f"the codec {encoding}")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "the type of an array, which is not called", ("numpy", "dtype"): NumberType,
    ("collections", "OrderedDict"): OrderedDict, ("_codecs", "encode"): _latin1_bytes,
    **{tuple(name.rsplit(".", 1)): maker for name, maker in MAKERS.items()}}

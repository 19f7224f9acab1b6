"""Checkpoints that torch wrote: the tensors are read, other objects beside them are passed over, nothing is run.

torch reads with `weights_only`, which calls nothing but what builds tensors and plain containers. Names that it does
not admit (settings, scores, paths) are given a stand-in of ours that keeps nothing but the name.
"""

import pickle
import re
import struct
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import torch

from vaer.errors import UserError
from vaer.weights.arrays import MAKERS, AnyType

# What a damaged pickle raises, besides its own error.
DAMAGED = (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError, ImportError,
           OverflowError, MemoryError, RuntimeError, AssertionError, struct.error)
ASKED = re.compile(r"Unsupported global: GLOBAL (\S+) |unsupported GLOBAL (\S+) ")
PLAIN = {f"builtins.{kind.__name__}" for kind in (bool, bytes, dict, float, frozenset, int, list, object, range, slice,
                                                  str, tuple)}
# What no weights need and an attack would ask for. A stand-in would be as harmless, but the file is not to be trusted.
HOSTILE = re.compile(
    r"(__builtin__|_ctypes|_io|_pickle|asyncio|bdb|builtins|cloudpickle|code|codeop|commands|ctypes|dill|http|httplib|"
    r"importlib|io|joblib|marshal|multiprocessing|nt|operator|os|pdb|pickle|pip|pkgutil|popen2|posix|pty|pydoc|"
    r"requests|runpy|shutil|signal|smtplib|socket|ssl|subprocess|sys|tempfile|threading|timeit|torch\.hub|torch\.jit|"
    r"torch\.package|torch\.serialization|types\.(CodeType|FunctionType)|urllib\d?|webbrowser)(\..*)?|"
    r"numpy\.(f2py|load|from|memmap|save|testing).*|functools\.reduce")
ADMITTED = {"numpy.dtype": AnyType} | MAKERS
SAVE = "where it was made, save the weights alone (`torch.save(model.state_dict(), FILE)`)"
UNREAD = "vaer_unread"
"""Under which a stand-in keeps the name of what it stands for."""


def read_torch(path: Path, file: BinaryIO) -> Any:
    """The content of a checkpoint in either of torch's formats; raises UserError where it is none, or is not whole.

    In the place of an object that is neither a tensor nor a plain container stands an empty dictionary, or what was
    put into it; `unread` tells its name.
    """
    standing_in = {name: _stand_in(path, name) for name in _asked_for(path, file)}
    while True:
        file.seek(0)  # torch gets the file: of a path it would believe the ending
        try:
            with torch.serialization.safe_globals([(made, name) for name, made in standing_in.items()]), \
                    warnings.catch_warnings(action="ignore", category=UserWarning):  # about newer formats of pickles
                return torch.load(file, map_location="cpu", weights_only=True)
        except DAMAGED as error:
            name = _refused(error)
            if name is None or name in standing_in:
                raise UserError(f"{path}: torch does not read it as weights alone ({_reason(error)}); if it is "
                                f"damaged, copy or download it again, and if it holds more than weights, "
                                f"{SAVE}.") from error
            standing_in[name] = _stand_in(path, name)


def unread(value: Any) -> str | None:
    """The name of the object that was passed over where `value` stands; None for what was read."""
    return vars(value).get(UNREAD) if type(value) is OrderedDict else None


def is_unread_network(value: Any) -> bool:
    """Whether the object passed over was a whole network, which a file may hold instead of its tensors."""
    return unread(value) is not None and "_modules" in vars(value)


def _asked_for(path: Path, file: BinaryIO) -> list[str]:
    """The names that a checkpoint in today's format asks for and torch does not admit; none where only reading tells.

    Raises UserError for archives that are no checkpoint, or not whole.
    """
    try:
        is_archive = zipfile.is_zipfile(file)
        file.seek(0)
        names = zipfile.ZipFile(file).namelist() if is_archive else []
    except (zipfile.BadZipFile, *DAMAGED) as error:
        raise UserError(f"{path}: is damaged or cut off ({error}); copy or download it again.") from error
    if not is_archive:
        file.seek(0)
        if file.read(2) == b"PK":
            raise UserError(f"{path}: is damaged or cut off: the end of the archive is not there; copy or download it "
                            f"again.")
        return []
    if any(Path(name).name == "constants.pkl" for name in names):
        raise UserError(f"{path}: is a program of TorchScript, which would have to run; {SAVE}.")
    if not any(Path(name).name == "data.pkl" for name in names):
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise UserError(f"{path}: is a zip archive of {shown or 'nothing'}, and no checkpoint; unpack it, and name the "
                        f"file of weights in it.")
    file.seek(0)
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except DAMAGED:  # a pickle of another protocol, or damage: reading tells
        return []


def _refused(error: Exception) -> str | None:
    """The name that torch does not admit, behind a page of advice to run it; None for other errors."""
    found = ASKED.search(f"{error} ")
    if found is None:
        return None
    name = found[1] or found[2]
    return name if "." in name else f"builtins.{name}"


def _reason(error: Exception) -> str:
    """The line that matters of what torch says."""
    text = str(error).partition("WeightsUnpickler error:")[2].strip() or str(error)
    return text.partition(". ")[0].partition("\n")[0]


def _stand_in(path: Path, name: str) -> Any:
    """What is called in the place of this name; raises UserError for names that no weights need."""
    if name in ADMITTED:
        return ADMITTED[name]
    if name not in PLAIN and HOSTILE.fullmatch(name):
        raise UserError(f"{path}: torch does not read it as weights alone (it asks for {name}), and no weights need "
                        f"that: nothing was run, and it should not be trusted; download it again from its publisher.")

    class StandIn:
        """Makes an ordered dictionary, the one thing that torch lets a file fill, whatever it is made of."""

        def __new__(cls, *_: Any, **__: Any) -> OrderedDict:
            made = OrderedDict()
            setattr(made, UNREAD, name)
            return made

    return StandIn

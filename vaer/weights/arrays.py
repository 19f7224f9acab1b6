"""The arrays of numpy in a pickle, made of their bytes: numpy's own functions believe what a file says of memory."""

import pickle
import re
from typing import Any

import numpy as np


class ForbiddenName(pickle.UnpicklingError):
    """A pickle that wants something beside arrays and containers; the message is its name."""


class NumberType:
    """What a file says of the type of an array's numbers: `f4` and the like, and the order of their bytes."""

    def __init__(self, code: str, *_: Any) -> None:
        if not re.fullmatch(r"[fiub][1248]", code):
            raise ForbiddenName(f"arrays of {code}")
        self.type = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        """The second value of the state is the order of the bytes."""
        self.type = self.type.newbyteorder(state[1])


class AnyType(NumberType):
    """The same where arrays of other things may lie beside the weights: these come without their values."""

    def __init__(self, code: str, *_: Any) -> None:
        try:
            super().__init__(code)
        except ForbiddenName:
            self.type = None

    def __setstate__(self, state: tuple) -> None:
        """As for numbers; nothing for others."""
        if self.type is not None:
            super().__setstate__(state)


class Array:
    """An array in a file; `values` are its numbers once its state was read."""

    values: np.ndarray

    def __init__(self, *_: Any) -> None:  # the type, shape and kind of numbers of an empty array that is then filled
        pass

    def __setstate__(self, state: tuple) -> None:
        """Version, shape, type of the numbers, whether the first index runs fastest, bytes."""
        _, shape, number_type, first_fastest, data = state
        if number_type.type is not None:
            self.values = numbers(data, number_type, shape, "F" if first_fastest else "C").values


def numbers(data: Any, number_type: NumberType, shape: tuple[int, ...], order: str) -> Array:
    """An array of its bytes; Python 2 wrote them as a string, which was read a character a byte."""
    array = Array()
    data = data.encode("latin1") if isinstance(data, str) else data
    if number_type.type is not None:
        array.values = np.frombuffer(data, number_type.type).reshape(shape, order=order)
    return array


def number(number_type: NumberType, data: Any) -> int | float | None:
    """A single number; None where it is something else."""
    return None if number_type.type is None else numbers(data, number_type, (), "C").values.item()


MAKERS: dict[str, Any] = {}
"""What is called for the names by which numpy's pickles ask for arrays and numbers."""
for _package in ("numpy.core", "numpy._core"):  # before numpy 2, and since
    MAKERS |= {f"{_package}.multiarray._reconstruct": Array, f"{_package}.multiarray.scalar": number,
               f"{_package}.numeric._frombuffer": numbers}  # the last in the format of protocol 5

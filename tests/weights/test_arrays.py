"""How arrays come out of pickles stands in test_pickles.py; here is what may lie beside weights."""

import numpy as np
import pytest

from vaer.weights.arrays import AnyType, Array, ForbiddenName, NumberType, number, numbers


def test_numbers_are_made_of_bytes():
    assert numbers(b"\x01\x02", NumberType("u1"), (2, 1), "C").values.tolist() == [[1], [2]]
    assert number(NumberType("f8"), np.float64(2.5).tobytes()) == 2.5


def test_the_order_of_bytes_is_believed():
    kind = NumberType("u2")
    kind.__setstate__((3, ">", None, None, None, -1, -1, 0))
    assert number(kind, b"\x01\x00") == 256


@pytest.mark.parametrize("code", ["O8", "U4", "V4", "M8", "f3", "f88"])
def test_other_things_are_forbidden_or_come_without_values(code):
    with pytest.raises(ForbiddenName, match=f"arrays of {code}"):
        NumberType(code)
    kind = AnyType(code)
    kind.__setstate__((3, "<", None, None, None, -1, -1, 0))
    assert number(kind, b"12345678") is None
    array = Array()
    array.__setstate__((1, (1,), kind, False, [None]))
    assert not hasattr(array, "values")
    assert not hasattr(numbers(b"12345678", kind, (1,), "C"), "values")

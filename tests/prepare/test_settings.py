"""Ranges of the settings of prepared clips."""

import pytest

from vaer.errors import UserError
from vaer.prepare.settings import PrepareConfig


@pytest.mark.parametrize(("name", "value"), [("size", 8), ("fps", 0.0), ("quality", 52), ("gop", 0), ("margin", -0.1),
                                             ("silence_db", 3.0), ("timeout_s", 0.0)])
def test_a_value_out_of_range_names_its_flag(name, value):
    with pytest.raises(UserError, match=f"--{name} is"):
        PrepareConfig(**{name: value})

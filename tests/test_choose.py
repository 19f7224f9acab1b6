import pytest

from vaer.choose import choose
from vaer.errors import UserError


def test_an_entry_or_the_choices():
    assert choose({"one": 1, "two": 2}, "two", "how.many") == 2
    with pytest.raises(UserError, match=r"^--how\.many 'three' is unknown; choose from one, two\.$"):
        choose({"two": 2, "one": 1}, "three", "how.many")

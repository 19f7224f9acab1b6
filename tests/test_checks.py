from dataclasses import dataclass

import pytest

from vaer.checks import require, require_kind, require_range
from vaer.errors import UserError


@dataclass
class Section:
    kind: str = "round"
    radius: float | None = None
    side: float = 1.0


def test_what_does_not_hold_is_said():
    require(True, "no")
    with pytest.raises(UserError, match=r"^no$"):
        require(False, "no")


@pytest.mark.parametrize("value", [None, 0, 0.5, 1])
def test_a_range_holds_its_ends_and_none_passes(value):
    require_range("a.b", value, 0, 1)


@pytest.mark.parametrize(("value", "high", "message"), [
    (-1, float("inf"), "--a.b is -1; it must be at least 0."), (2, 1, "--a.b is 2; it must be between 0 and 1."),
    (float("nan"), 1, "--a.b is nan; it must be between 0 and 1.")])
def test_what_is_outside_is_said(value, high, message):
    with pytest.raises(UserError) as caught:
        require_range("a.b", value, 0, high)
    assert str(caught.value) == message


def test_settings_of_another_kind_are_refused_unless_they_are_as_ever():
    only = {"round": ("radius",), "square": ("side",)}
    require_kind("shape", Section(radius=2.0, side=1.0), only)
    require_kind("shape", Section(kind="square", side=3.0), only)
    with pytest.raises(UserError, match=r"^--shape\.side belongs to --shape\.kind square \(now round\); leave it out"):
        require_kind("shape", Section(side=3.0), only)

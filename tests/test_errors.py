import pickle

import pytest

from vaer.errors import MediaError, UserError, first_line, warn_once


def test_media_errors_survive_the_way_out_of_a_worker():
    error = pickle.loads(pickle.dumps(MediaError("a.mp4", "is broken")))
    assert isinstance(error, UserError)
    assert (error.path, error.reason, str(error)) == ("a.mp4", "is broken", "a.mp4: is broken")


def test_a_warning_is_given_once(caplog):
    for _ in range(2):
        warn_once("the soup is hot")
    assert caplog.messages == ["the soup is hot"]


@pytest.mark.parametrize(("error", "line"), [
    (OSError("no\nroom"), "no"), (RuntimeError("\n\n  a kernel failed \nat 0x1"), "a kernel failed"),
    (AssertionError(), "AssertionError"), (ValueError(" \n"), "ValueError"), (KeyError("a"), "'a'")])
def test_the_first_line_of_an_error_is_never_empty(error, line):
    assert first_line(error) == line

"""Files that are written whole or not at all."""

import errno
from pathlib import Path

import pytest

from vaer.atomic_files import read_facts, write_facts, write_text
from vaer.errors import UserError


def test_facts_are_read_or_said_to_be_unreadable(tmp_path):
    assert read_facts(tmp_path / "facts.json") == {}
    write_facts(tmp_path / "facts.json", {"salt": 1})
    assert read_facts(tmp_path / "facts.json") == {"salt": 1}
    for content in ("{", "[]", "null"):
        (tmp_path / "facts.json").write_text(content)
        with pytest.raises(UserError, match=r"facts\.json: cannot be read .*; copy the folder again"):
            read_facts(tmp_path / "facts.json")


def test_a_file_stays_as_it_was_where_the_disk_is_full(tmp_path, monkeypatch):
    write_text(tmp_path / "facts.json", "before")
    write = Path.write_text

    def fill(path, text, **_):
        write(path, text[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill)
    with pytest.raises(OSError, match="No space left") as caught:
        write_text(tmp_path / "facts.json", "after")
    assert caught.value.filename == str(tmp_path / "facts.json")
    assert [path.name for path in tmp_path.iterdir()] == ["facts.json"]
    assert (tmp_path / "facts.json").read_text() == "before"

"""A folder belongs to the settings with which it began."""

import errno
import json
from pathlib import Path

import pytest

from vaer.claim import Content, claim, read_facts, write_text, write_whole
from vaer.errors import UserError

SOUP = Content("soup", "soup", "cook it anew")


def test_a_new_or_empty_folder_is_claimed_once(tmp_path):
    path = tmp_path / "deep" / "pot.json"
    claim(path, {"salt": 1}, SOUP, {"done": False})
    assert json.loads(path.read_text()) == {"salt": 1, "done": False}
    write_whole(path, {"salt": 1, "done": True})
    claim(path, {"salt": 1}, SOUP, {"done": False})
    assert json.loads(path.read_text()) == {"salt": 1, "done": True}
    assert [entry.name for entry in path.parent.iterdir()] == ["pot.json"]


def test_facts_are_read_or_said_to_be_unreadable(tmp_path):
    assert read_facts(tmp_path / "facts.json") == {}
    write_whole(tmp_path / "facts.json", {"salt": 1})
    assert read_facts(tmp_path / "facts.json") == {"salt": 1}
    for content in ("{", "[]", "null"):
        (tmp_path / "facts.json").write_text(content)
        with pytest.raises(UserError, match=r"facts\.json: cannot be read .*; copy the folder again"):
            read_facts(tmp_path / "facts.json")


def test_other_settings_other_content_and_unreadable_settings_are_refused(tmp_path):
    path = tmp_path / "pot" / "pot.json"
    claim(path, {"salt": 1}, SOUP)
    with pytest.raises(UserError, match=r"pot: holds soup with other settings: salt 1 \(asked for: 2\); choose"):
        claim(path, {"salt": 2}, SOUP)
    path.write_text("{")
    with pytest.raises(UserError, match=r"pot\.json: cannot be read .*; delete the folder and cook it anew\."):
        claim(path, {"salt": 1}, SOUP)
    path.rename(tmp_path / "pot" / "lid.json")
    with pytest.raises(UserError, match="pot: is there already and holds no soup; choose a new or empty folder"):
        claim(path, {"salt": 1}, SOUP)


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

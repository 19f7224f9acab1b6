"""A folder belongs to the settings with which it began."""

import json

import pytest

from vaer.atomic_files import write_facts
from vaer.errors import UserError
from vaer.output_folder import Content, open_output_folder

SOUP = Content("soup", "soup", "cook it anew")


def test_a_new_or_empty_folder_is_opened_once(tmp_path):
    path = tmp_path / "deep" / "pot.json"
    open_output_folder(path, {"salt": 1}, SOUP, {"done": False})
    assert json.loads(path.read_text()) == {"salt": 1, "done": False}
    write_facts(path, {"salt": 1, "done": True})
    open_output_folder(path, {"salt": 1}, SOUP, {"done": False})
    assert json.loads(path.read_text()) == {"salt": 1, "done": True}
    assert [entry.name for entry in path.parent.iterdir()] == ["pot.json"]


def test_other_settings_other_content_and_unreadable_settings_are_refused(tmp_path):
    path = tmp_path / "pot" / "pot.json"
    open_output_folder(path, {"salt": 1}, SOUP)
    with pytest.raises(UserError, match=r"pot: holds soup with other settings: salt 1 \(asked for: 2\); choose"):
        open_output_folder(path, {"salt": 2}, SOUP)
    path.write_text("{")
    with pytest.raises(UserError, match=r"pot\.json: cannot be read .*; delete the folder and cook it anew\."):
        open_output_folder(path, {"salt": 1}, SOUP)
    path.rename(tmp_path / "pot" / "lid.json")
    with pytest.raises(UserError, match="pot: is there already and holds no soup; choose a new or empty folder"):
        open_output_folder(path, {"salt": 1}, SOUP)

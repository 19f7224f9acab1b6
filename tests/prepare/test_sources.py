"""Recordings, tables and other files of a folder."""

import pytest

from vaer.errors import UserError
from vaer.prepare.sources import find


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_every_file_is_accounted_for(tmp_path):
    touch(tmp_path, "Actor_01/01-a.MP4", "Actor_01/03-a.wav", "b/clip.flv", "table.csv", "b/readme.txt", "b/all.zip")
    found = find(tmp_path)
    assert found.targets == {"Actor_01/01-a.MP4": "Actor_01/01-a.mp4", "Actor_01/03-a.wav": "Actor_01/03-a.flac",
                             "b/clip.flv": "b/clip.mp4"}
    assert found.tables == ["b/readme.txt", "table.csv"]
    assert found.others == ["b/all.zip"]


def test_two_recordings_of_one_target(tmp_path):
    touch(tmp_path, "a/1.avi", "a/1.mov")
    with pytest.raises(UserError, match=r"a/1.mov: would be prepared as a/1.mp4, like .*a/1.avi; rename"):
        find(tmp_path)


def test_no_folder_and_no_recording(tmp_path):
    with pytest.raises(UserError, match="there is no such folder"):
        find(tmp_path / "nowhere")
    touch(tmp_path, "notes.txt")
    with pytest.raises(UserError, match="holds no recording"):
        find(tmp_path)

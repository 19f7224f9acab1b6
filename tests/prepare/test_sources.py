"""Files, tables and other files of a folder."""

import os

import pytest

from vaer.errors import UserError
from vaer.prepare.sources import beside_clips, find


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
    with pytest.raises(UserError, match="holds no media file"):
        find(tmp_path)


def test_what_a_preparation_writes_is_no_table(tmp_path):
    touch(tmp_path, "a.mp4", "manifest.csv", "prepare.json", "manifest.part.jsonl", "report/report.md",
          "b/manifest.csv", "report.csv")
    found = find(tmp_path)
    assert found.tables == ["b/manifest.csv", "report.csv"]
    assert found.others == ["manifest.csv", "manifest.part.jsonl", "prepare.json", "report/report.md"]


@pytest.mark.parametrize(("before", "after"), [
    ("path,label\na.avi,x\n", "path,label\na.mp4,x\n"),
    ("label, path \r\n\"x, y\",./b/c.wav\r\nz, b/c.WAV\r\n", "label,path \n\"x, y\",b/c.flac\nz,b/c.WAV\n"),
    ("path,label\nd.mp4, x\n", "path,label\nd.mp4, x\n"),  # nothing changes: not a blank
    ("file,label\na.avi,x\n", "file,label\na.avi,x\n"),
    ("path\n../a.avi\n\n", "path\n../a.avi\n\n"),
    ("", ""),
])
def test_tables_name_the_clips(tmp_path, before, after):
    targets = {"a.avi": "a.mp4", "b/c.wav": "b/c.flac", "d.mp4": "d.mp4"}
    (tmp_path / "table.csv").write_bytes(before.encode())
    assert beside_clips(tmp_path, "table.csv", targets).decode() == after


def test_tables_of_spreadsheets_name_the_clips(tmp_path):
    content = "sep=;\r\nPath;label\r\nb\\c.wav;\u00e9\r\n;\r\n"
    (tmp_path / "table.csv").write_bytes(content.encode("utf-16"))
    after = beside_clips(tmp_path, "table.csv", {"b/c.wav": "b/c.flac"})
    assert after.decode() == "Path;label\nb/c.flac;\u00e9\n;\n"


def test_a_table_of_a_subfolder_names_clips_from_there(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b/table.csv").write_text(f"path\nc.wav\n../a.avi\n{tmp_path / 'a.avi'}\n{tmp_path / 'd.mp4'}\n")
    text = beside_clips(tmp_path, "b/table.csv", {"a.avi": "a.mp4", "b/c.wav": "b/c.flac", "d.mp4": "d.mp4"}).decode()
    assert text.split() == ["path", "c.flac", "../a.mp4", "../a.mp4", "../d.mp4"]
    (tmp_path / "old.csv").write_bytes("path\n\xe9.avi\n".encode("latin1"))
    assert beside_clips(tmp_path, "old.csv", {}) == (tmp_path / "old.csv").read_bytes()


def test_a_folder_with_several_links_is_prepared_once_and_tables_name_its_clips(tmp_path):
    touch(tmp_path, "v2/a.avi")
    (tmp_path / "current").symlink_to(tmp_path / "v2", target_is_directory=True)
    (tmp_path / "table.csv").write_text("path\ncurrent/a.avi\nv2/a.avi\n")
    found = find(tmp_path)
    assert found.targets == {"v2/a.avi": "v2/a.mp4"}
    assert beside_clips(tmp_path, "table.csv", found.targets).decode().split() == ["path", "v2/a.mp4", "v2/a.mp4"]


def test_names_that_are_not_utf8_become_text_in_the_clip_s_name(tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    touch(tmp_path, name, "._a.mp4")
    assert find(tmp_path)[:1] + find(tmp_path)[3:] == ({name: r"caf\xe9.flac"}, ["._a.mp4"])

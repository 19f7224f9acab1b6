"""Files by their names, at any depth."""

import os

import pytest

from vaer import errors
from vaer.data.files import MEDIA_ENDINGS, files_under, is_media_file, walk


@pytest.mark.parametrize(("name", "told"), [("a.mp4", True), ("a.FLV", True), ("a.opus", True), ("a.csv", False),
                                            ("a.ogv", True), ("a.mka", True), ("a.au", True), ("a.CAF", True),
                                            ("00001.MTS", True),
                                            ("mp4", False), ("a.mp4.part", False)])
def test_is_recording(name, told):
    assert is_media_file(name) is told


def test_files_under_goes_down_and_through_links_in_order(tmp_path):
    for name in ("root/b/2.mp4", "root/b/1.mp4", "root/a/3.wav", "elsewhere/4.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "root/c").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert [path.removeprefix(f"{tmp_path}/root/") for path in files_under(tmp_path / "root")] == [
        "a/3.wav", "b/1.mp4", "b/2.mp4", "c/4.mp4"]


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def under(root):
    return [os.path.relpath(path, root) for path in files_under(root)]


def test_endings_stand_there_once_and_in_small_letters():
    assert len(set(MEDIA_ENDINGS)) == len(MEDIA_ENDINGS)
    assert all(ending == ending.lower() and ending.startswith(".") for ending in MEDIA_ENDINGS)


@pytest.mark.parametrize("links", [
    {"a/loop": "a"}, {"a/up": "."}, {"loop1": ".", "loop2": "."}, {"a/one": "a", "a/two": "a", "b/one": "."},
    {"a/to_b": "b", "b/to_a": "a"}, {"a/to_b": "b", "b/to_c": "b/c", "b/c/to_a": "a", "again": "b/c"}])
def test_links_in_a_loop_give_every_file_once_by_its_own_path(tmp_path, links):
    touch(tmp_path, "0.mp4", "a/1.mp4", "b/2.mp4", "b/c/3.mp4")
    for link, goal in links.items():
        (tmp_path / link).symlink_to(tmp_path / goal, target_is_directory=True)
    assert under(tmp_path) == ["0.mp4", "a/1.mp4", "b/2.mp4", "b/c/3.mp4"]


def test_folders_elsewhere_are_entered_once_however_many_links_lead_there(tmp_path):
    touch(tmp_path, "root/z.mp4", "store/1.mp4", "store/deep/2.mp4")
    (tmp_path / "store/back").symlink_to(tmp_path / "root", target_is_directory=True)
    (tmp_path / "store/deep/itself").symlink_to(tmp_path / "store", target_is_directory=True)
    for link in ("b", "a"):
        (tmp_path / "root" / link).symlink_to(tmp_path / "store", target_is_directory=True)
    (tmp_path / "root/linked.mp4").symlink_to(tmp_path / "root/z.mp4")  # a file may be there under two names
    assert under(tmp_path / "root") == ["linked.mp4", "z.mp4", "a/1.mp4", "a/deep/2.mp4"]


def test_a_link_to_itself_is_a_file_that_cannot_be_opened(tmp_path):
    (tmp_path / "a.mp4").symlink_to(tmp_path / "a.mp4")
    assert under(tmp_path) == ["a.mp4"]


def test_what_an_operating_system_leaves_is_passed_over_and_counted(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(errors.log, "warning", said.append)
    touch(tmp_path, "a.mp4", "._a.mp4", "b/._table.csv", "b/.DS_Store", "b/Thumbs.db", "__MACOSX/b/._c.mp4",
          "b/desktop.ini", "@eaDir/a.mp4/x.jpg", ".hidden.mp4", "b/__MACOSX.mp4")
    assert under(tmp_path) == [".hidden.mp4", "a.mp4", "b/__MACOSX.mp4"]
    assert sorted(os.path.relpath(path, tmp_path) for path in walk(tmp_path).litter) == [
        "._a.mp4", "@eaDir", "__MACOSX", "b/.DS_Store", "b/._table.csv", "b/Thumbs.db", "b/desktop.ini"]
    assert said == [f"{tmp_path}: passed over 7 items that an operating system left there: ._a.mp4, "
                    f"@eaDir, __MACOSX and 4 more."]
    assert walk(tmp_path / "__MACOSX").files == []
    assert [os.path.basename(path) for path in walk(tmp_path / "@eaDir").files] == ["x.jpg"]  # named itself


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser lists every folder")
def test_a_folder_that_cannot_be_listed_is_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(errors.log, "warning", said.append)
    touch(tmp_path, "a/1.mp4", "2.mp4")
    (tmp_path / "a").chmod(0)
    try:
        assert under(tmp_path) == ["2.mp4"]
    finally:
        (tmp_path / "a").chmod(0o755)
    assert said == [f"{tmp_path / 'a'}: cannot be listed (Permission denied); what is in it is left out."]

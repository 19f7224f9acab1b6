"""Recordings by their names, at any depth."""

import pytest

from vaer.data.files import files_under, is_recording


@pytest.mark.parametrize(("name", "told"), [("a.mp4", True), ("a.FLV", True), ("a.opus", True), ("a.csv", False),
                                            ("mp4", False), ("a.mp4.part", False)])
def test_is_recording(name, told):
    assert is_recording(name) is told


def test_files_under_goes_down_and_through_links_in_order(tmp_path):
    for name in ("root/b/2.mp4", "root/b/1.mp4", "root/a/3.wav", "elsewhere/4.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "root/c").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert [path.removeprefix(f"{tmp_path}/root/") for path in files_under(tmp_path / "root")] == [
        "a/3.wav", "b/1.mp4", "b/2.mp4", "c/4.mp4"]

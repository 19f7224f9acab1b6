"""Stills beside films are clips where a table names them."""

import pytest

from vaer.data.listed import clips_of, clips_under, name_of_cell, path_table

FILES = ["a.mp4", "covers/a.png", "faces/b.jpg", "faces/c.PNG", "notes.txt"]


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(("name", "content", "expected"), [
    ("table.csv", "path,label\na.mp4,x\nfaces/b.jpg,y\n", ["a.mp4", "faces/b.jpg"]),
    ("table.csv", "sep=;\r\nlabel; Path \r\nx; .\\faces\\b.jpg\r\n;\r\ny\r\n", ["a.mp4", "faces/b.jpg"]),
    ("faces/any name.CSV", "path\nb.jpg\nc.PNG\n../covers/a.png\n", FILES[:4]),
    ("table.csv", "path\nfaces/missing.png\nfaces/b.JPG\n", ["a.mp4"]),  # of another name
    ("table.csv", "file\nfaces/b.jpg\n", ["a.mp4"]),
    ("table.csv", "", ["a.mp4"]),
    ("table.txt", "path\nfaces/b.jpg\n", ["a.mp4"]),
])
def test_stills_beside_films_are_clips_where_a_table_names_them(folder, name, content, expected):
    (folder / name).write_bytes(content.encode())
    assert clips_of(folder, sorted([*FILES, name])) == expected
    assert clips_under(folder) == [str(folder / name) for name in expected]


def test_an_absolute_path_and_one_through_a_link_name_them_too(folder):
    (folder / "newest").symlink_to(folder / "faces", target_is_directory=True)
    (folder / "table.csv").write_text(f"path\n{folder}/faces/b.jpg\nnewest/c.PNG\n")
    assert clips_of(folder, [*FILES, "table.csv"]) == ["a.mp4", "faces/b.jpg", "faces/c.PNG"]


def test_stills_alone_are_clips_whatever_tables_say(folder):
    (folder / "a.mp4").unlink()
    (folder / "table.csv").write_text("path\nfaces/b.jpg\n")
    assert clips_of(folder, [*FILES[1:], "table.csv"]) == FILES[1:4]


def test_what_is_no_table_of_paths_is_none(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"PK\x03\x04")
    (tmp_path / "b.csv").write_bytes(b"path\n\x81.avi\n")
    assert path_table(tmp_path / "a.csv") is path_table(tmp_path / "b.csv") is None
    (tmp_path / "c.csv").write_text("label,path\nx,d.png\n")
    assert path_table(tmp_path / "c.csv") == (",", [["label", "path"], ["x", "d.png"]], 1)
    assert (name_of_cell(tmp_path, "b/c.csv", " d.png "), name_of_cell(tmp_path, "c.csv", " ")) == ("b/d.png", "")

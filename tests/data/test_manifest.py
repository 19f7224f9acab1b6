import pytest
from makers import make_item

from vaer.data.manifest import read_durations, with_durations
from vaer.errors import UserError


def test_items_learn_their_duration_from_the_manifest(tmp_path):
    (tmp_path / "manifest.csv").write_text('id,path,duration_s\na,"x, y/a.mp4",2.5\nb,b.mp4,\n', encoding="utf-8")
    items = [make_item(tmp_path / "x, y" / "a.mp4"), make_item(tmp_path / "b.mp4"), make_item(tmp_path / "c.mp4"),
             make_item(tmp_path / "d.mp4", duration_s=7.0)]
    assert [item.duration_s for item in with_durations(items, tmp_path)] == [2.5, None, None, 7.0]
    assert with_durations(items, tmp_path)[0]._replace(duration_s=None) == items[0]


def test_a_corpus_without_a_manifest_stays_as_it_is(tmp_path):
    items = [make_item(tmp_path / "a.mp4")]
    assert with_durations(items, tmp_path) is items
    (tmp_path / "manifest.csv").write_text("file,speaker\na.mp4,1\n")  # somebody else's
    assert with_durations(items, tmp_path) == items


def test_paths_are_relative_to_the_root_however_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "manifest.csv").write_text("path,duration_s\na.mp4,2.5\n")
    monkeypatch.chdir(tmp_path)
    for root, path in ((".", "a.mp4"), (".", "./a.mp4"), ("../" + tmp_path.name, f"../{tmp_path.name}/a.mp4")):
        from pathlib import Path
        [item] = with_durations([make_item(path)], Path(root))
        assert item.duration_s == 2.5


@pytest.mark.parametrize("content", [b"path,duration_s\na.mp4,long\n", b"path,duration_s\na.mp4\n",
                                     b"path,duration_s\n\xff.mp4,1\n", b"path,duration_s\na.mp4,nan\n",
                                     b"path,duration_s\na.mp4,-1\n", b"path,duration_s\na.mp4,inf\n"])
def test_a_manifest_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"manifest\.csv: cannot be read as the manifest .*prepare the corpus again"):
        read_durations(path)


def test_a_manifest_that_another_program_saved_is_read(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_bytes("Path;Duration_s;notes\r\na.mp4;2.5;\u00e9\r\n;0.0;broken\r\n;;\r\n".encode("utf-16"))
    assert read_durations(path) == {"a.mp4": 2.5}
    path.write_text("path,duration_s\n")
    assert read_durations(path) == {}


def test_rows_that_an_open_quote_swallowed_are_not_lost(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text('path,notes,duration_s\na.mp4,"no face,1\nb.mp4,,2\nc.mp4,so",3\n')
    with pytest.raises(UserError, match=r"manifest of a prepared corpus \(lines 2 to 4 are read as one row.*; prepare"):
        read_durations(path)

"""Tables in the encoding of the program that saved them."""

import pytest

from vaer.data.encoding import read_text
from vaer.errors import UserError

WANTS = "a test wants a table"
TEXT = "id;side;M\u00fc\r\na;train;\u00e9\u00df\u20ac\r\nb;test;x\r\n"


def write(tmp_path, content):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_tables_are_read_as_they_were_saved(tmp_path, encoding):
    assert read_text(write(tmp_path, TEXT.encode(encoding)), WANTS) == TEXT


def test_an_encoding_that_was_guessed_is_said_with_what_it_makes(tmp_path, caplog):
    path = write(tmp_path, "id,side,name\na,train,Anna\nb,test,M\u00fcller\n".encode("cp1252"))
    assert read_text(path, WANTS).endswith("M\u00fcller\n")
    assert f"{path}: is not UTF-8 and is read as Windows-1252, in which line 3 says 'M\u00fcller'" in caplog.text
    with pytest.raises(UserError, match="cannot be read as a CSV"):
        read_text(path, WANTS, windows=False)


@pytest.mark.parametrize(("content", "told"), [
    (b"\xff\xfe\x00", f"cannot be read as a CSV .*; {WANTS}, in UTF-8"),
    (b"id,side\na\xfc,\x81\n", "line 2 is neither UTF-8 nor Windows-1252"),
    ("M\u00fc,train\n".encode() + "M\u00fc,test\n".encode("cp1252"), "line 1 is UTF-8 and line 2 is not; .* save it"),
    (b"PK\x03\x04...", "is a workbook or an archive, .* save the sheet as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1", "is a workbook or an archive"),
])
def test_what_cannot_be_read_is_said_with_the_remedy(tmp_path, content, told):
    path = write(tmp_path, content)
    with pytest.raises(UserError, match=told) as caught:
        read_text(path, WANTS)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_table_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.csv: cannot be read as a CSV"):
        read_text(tmp_path / "nowhere.csv", WANTS)


@pytest.mark.parametrize(("content", "reason"), [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "is a git-lfs pointer, .*`git lfs pull`"),
    (b"<!DOCTYPE html><html>", "is a web page")])
def test_what_is_no_table_is_told(tmp_path, content, reason):
    with pytest.raises(UserError, match=rf"rows\.csv: {reason}"):
        read_text(write(tmp_path, content), WANTS)

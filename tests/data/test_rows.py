"""The rows of a CSV that somebody wrote, and its mistakes."""

import pytest

from vaer.data.rows import read_rows
from vaer.errors import UserError

WANTS = "a test wants the columns id and side"


def write(tmp_path, content):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return path


def test_rows_come_by_their_line_whoever_saved_them(tmp_path):
    by_a_spreadsheet = b'\xef\xbb\xbfid , side,note\r\n a,train ,"one,\r\ntwo"\r\nb, test\r\n'
    assert read_rows(write(tmp_path, by_a_spreadsheet), ("id", "side"), WANTS) == {
        3: {"id": "a", "side": "train", "note": "one,\r\ntwo"}, 4: {"id": "b", "side": "test", "note": ""}}


@pytest.mark.parametrize(("content", "told"), [
    (b"\xff\xfe\x00", f"cannot be read as a CSV .*; {WANTS}, in UTF-8"),
    (b"", f"lacks the column id, side; {WANTS}"),
    (b"id,side\n", f"holds no rows; {WANTS}"),
    (b"id,side,id\na,b,c\n", "names the column 'id' more than once"),
    (b"id,side\na,b\na,b,c\n", "line 3 has more cells than the first line"),
])
def test_what_is_wrong_is_one_sentence_with_the_path(tmp_path, content, told):
    path = write(tmp_path, content)
    with pytest.raises(UserError, match=told) as caught:
        read_rows(path, ("id", "side"), WANTS)
    assert str(caught.value).startswith(f"{path}: ")

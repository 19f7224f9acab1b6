"""The rows of a table that somebody wrote, and its mistakes."""

import pytest
from makers import shared

from vaer.data.files import is_media_file
from vaer.data.rows import read_rows
from vaer.errors import UserError

WANTS = "a test wants the columns id and side"
HEAD = "path,label,speaker,text"
CLIPS = [f"clips/{label}_{number}.wav,{label},S{number},fine" for number in range(1, 7) for label in ("sad", "happy")]
PLAIN = {2: {"id": "a", "side": "train"}, 3: {"id": "b", "side": "test"}}


def write(tmp_path, content):
    path = tmp_path / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path):
    return read_rows(path, ("id", "side"), WANTS, optional=("fold",),
                     is_row=lambda row: row.get("side") in ("train", "test"))


def read_clips(path):
    return read_rows(path, ("path", "label"), "a test", is_row=lambda row: is_media_file(row.get("path", "")))


def test_rows_come_by_their_line_whoever_saved_them(tmp_path):
    by_a_spreadsheet = b'\xef\xbb\xbfid , side,note\r\n a,train ,"one,\r\ntwo"\r\nb, test\r\n'
    assert read_rows(write(tmp_path, by_a_spreadsheet), ("id", "side"), WANTS) == {
        3: {"id": "a", "side": "train", "note": "one,\r\ntwo"}, 4: {"id": "b", "side": "test", "note": ""}}


@pytest.mark.parametrize("content", [
    "id;side\na;train\nb;test\n", "id\tside\na\ttrain\nb\ttest\n", "id|side\na|train\nb|test",
    "ID, Side \n a , train\nb,test\n,\n,\n\n", "id,side,,\na,train,,\nb,test,,\n,,,\n",
    "\ufeffId;SIDE;\r\na;train;\r\nb;test\r\n",
    '"id";"side"\n"a";"train"\n"b";"test"', "id\u00a0,\u00a0side\na,train\u00a0\nb,test\n",
    "id,side\ra,train\rb,test\r", "id,side\na,train\nb,test,,,\n"])
def test_tables_of_spreadsheets_are_read_alike(tmp_path, content):
    assert read(write(tmp_path, content)) == PLAIN


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;", "sep=;;"])
def test_a_first_line_may_tell_what_stands_between_cells(tmp_path, first):
    content = f"{first}\r\nid;side\r\na;train\r\n\"b;,c\";test\r\n"
    assert read(write(tmp_path, content)) == {3: {"id": "a", "side": "train"}, 4: {"id": "b;,c", "side": "test"}}
    assert list(read(write(tmp_path, "sep=\t\nid\tside\na\ttrain\n"))) == [3]


@pytest.mark.parametrize(("content", "told"), [
    (b"\xff\xfe\x00", f"cannot be read as a CSV .*; {WANTS}, in UTF-8"),
    (b"", f"lacks the column id, side; {WANTS}"),
    (b"id,side\n", f"holds no rows; {WANTS}"),
    (b"id,side\n,\n ,\n", f"holds no rows; {WANTS}"),
    (b"id,side,id\na,b,c\n", "names the column 'id' more than once"),
    (b"id,side,ID\na,b,c\n", "names the column 'id' more than once"),
    (b"id,side\na,b\na,b,c\n", "line 3 has more cells than the first line has columns; put text that holds commas"),
    (b"id;side\na;b;c\n", "put text that holds semicolons in double quotes"),
    (b"id,side,,\na,b,c,d\n", "has no name for the columns 3, 4, which are not empty"),
    (b"name:side\na:b\n", r"lacks the column id, side; .* \(the first line has 'name:side'\)"),
    ("n\u00e9,b\na,b\n".encode(), r"\(the first line has 'n\u00e9', 'b'\)"),
])
def test_what_is_wrong_is_one_sentence_with_the_path(tmp_path, content, told):
    path = write(tmp_path, content)
    with pytest.raises(UserError, match=told) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_an_index_without_a_name_stays(tmp_path):
    assert read(write(tmp_path, ",id,side,\n0,a,train,\n1,b,test,\n"))[3] == {"": "1", "id": "b", "side": "test"}


def test_rows_that_an_open_quote_swallowed_are_not_lost():
    path = shared("faults") / "stray_quote.csv"
    with pytest.raises(UserError, match=r"stray_quote\.csv: line 27 opens a double quote that is not closed"):
        read_clips(path)


@pytest.mark.parametrize(("changes", "told"), [
    ({3: 'clips/x.wav,sad,S2,"Oh no'}, "line 5 opens a double quote that is not closed"),
    ({11: 'clips/x.wav,sad,S6,"Oh no'}, "line 13 opens a double quote that is not closed"),
    ({3: 'clips/x.wav,sad,S2,"Oh no', 8: 'clips/y.wav,sad,S2,fine"'}, "lines 5 to 10 are read as one row"),
    ({3: 'clips/x.wav,sad,S2,"Oh no', 4: 'clips/y.wav,sad,S2,fine"'}, "lines 5 to 6 are read as one row"),
    ({3: 'clips/x.wav,sad,S2,"Oh no', 4: 'clips/y.wav,sad,S2,"fine"'}, "lines 5 to 6 are read as one row"),
    ({3: 'clips/x.wav,sad,S2,"Oh no', 8: 'clips/y.wav,sad,S2,"Yes" he said'}, "lines 5 to 10 are read as one row"),
    ({3: 'clips/x.wav,"sad,S2,fine', 8: 'clips/y.wav,sad",S2,fine'}, "lines 5 to 10 are read as one row"),
    ({3: '"clips/x.wav,sad,S2,fine', 8: 'clips/y.wav",sad,S2,fine'}, "lines 5 to 10 are read as one row"),
    ({0: '"clips/x.wav,sad,S2,fine'}, "line 2 opens a double quote that is not closed"),
])
def test_open_quotes_are_found_wherever_they_end(tmp_path, changes, told):
    rows = [changes.get(number, row) for number, row in enumerate(CLIPS)]
    with pytest.raises(UserError, match=told):
        read_clips(write(tmp_path, "\n".join([HEAD, *rows, ""])))


def test_an_open_quote_before_the_label_takes_no_row_with_it(tmp_path):
    """Its cell would end properly, and the first row would have the second one's label."""
    rows = ['clips/a_1.wav,"Oh no,happy,S1', 'clips/b_1.wav,fine",sad,S2', "clips/c_1.wav,fine,sad,S2"]
    with pytest.raises(UserError, match="lines 2 to 3 are read as one row"):
        read_clips(write(tmp_path, "\n".join(["path,text,label,speaker", *rows])))


def test_an_open_quote_in_a_file_of_sides_is_found(tmp_path):
    for rows in ('x1,"train\nx2,train"\nx3,test', 'x1,train,"so\nx2,train,fine"\nx3,test,', '"x1,train\nx2",train\n',
                 'x1,"so,test\nx2,so",train\n'):
        head = "id,note,side" if rows.startswith('x1,"so') else "id,side,note"
        with pytest.raises(UserError, match="lines 2 to 3 are read as one row, as a double quote that opens in line 2"):
            read(write(tmp_path, f"{head}\n{rows}"))


def test_text_of_several_lines_stays_text(tmp_path):
    text = 'well, you know,\nI said: ""no, never"", so,\n\nthen, yes, by 5"" or so'
    content = f'{HEAD}\nclips/a_1.wav,sad,S1,"{text}"\nclips/b_1.wav,sad,S1,"one, two"\nclips/c_1.wav,sad,S1,5" wide\n'
    rows = read_clips(write(tmp_path, content))
    assert [row["text"] for row in rows.values()] == [text.replace('""', '"'), "one, two", '5" wide']
    assert list(rows) == [5, 6, 7]


def test_a_heading_of_several_lines_stays_one(tmp_path):
    assert read(write(tmp_path, 'id,side,"note\n(English)"\na,train,x\n')) == {
        3: {"id": "a", "side": "train", "note\n(English)": "x"}}

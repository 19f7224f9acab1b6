"""The text of a table that somebody wrote, in whichever encoding their program saved it."""

import codecs
from pathlib import Path

from vaer.errors import UserError, warn_once
from vaer.placeholders import describe_placeholder

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # UTF-32 first: its mark begins with UTF-16's
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls
WINDOWS = "cp1252"


def read_text(path: Path, wants: str, *, windows: bool = True) -> str:
    """The text of a file in UTF-8, UTF-16 or UTF-32 and, with `windows`, in Windows-1252, which is warned of.

    Raises UserError where it is none of these, mixes two of them, or is a workbook; `wants` says, as a clause, who
    wants what.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read as a CSV ({error}); {wants}, in UTF-8.") from error
    placeholder = describe_placeholder(path) if content else None
    if placeholder:
        raise UserError(f"{path}: {placeholder}.")
    if content.startswith(WORKBOOKS):
        raise UserError(f"{path}: is a workbook or an archive, whatever its ending says; {wants}: save the sheet as "
                        f"CSV UTF-8, and name that file.")
    try:
        return content.decode(_encoding(content))
    except UnicodeDecodeError as error:
        if windows and _encoding(content) == "utf-8":
            return _from_windows(path, content, wants)
        raise UserError(f"{path}: cannot be read as a CSV ({error}); {wants}, in UTF-8.") from error


def _encoding(content: bytes) -> str:
    """What the first bytes say, or where every second byte of a text is zero."""
    marked = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None)
    if marked is not None or content.count(0) * 4 < len(content):
        return marked or "utf-8"
    return "utf-16-le" if content[1::2].count(0) > content[::2].count(0) else "utf-16-be"


def _from_windows(path: Path, content: bytes, wants: str) -> str:
    """The text in Windows-1252; raises UserError where other lines are UTF-8, or it is not that either."""
    foreign, unicode = [], []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.isascii():
            (unicode if _is_utf8(line) else foreign).append(number)
    if unicode:
        raise UserError(f"{path}: line {unicode[0]} is UTF-8 and line {foreign[0]} is not; {wants}: save it again, all "
                        f"of it in UTF-8.")
    try:
        text = content.decode(WINDOWS)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read as a CSV (line {foreign[0]} is neither UTF-8 nor Windows-1252); "
                        f"{wants}, in UTF-8.") from error
    line = content.splitlines()[foreign[0] - 1].decode(WINDOWS)
    word = next(word for word in line.replace(";", ",").replace("\t", ",").split(",") if not word.isascii())
    warn_once(f"{path}: is not UTF-8 and is read as Windows-1252, in which line {foreign[0]} says "
              f"{word.strip()!r}; save it as UTF-8 if that is wrong.")
    return text


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

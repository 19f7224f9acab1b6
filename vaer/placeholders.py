"""What stands in a file instead of its content: nothing, the pointer of a tool that keeps large files, a web page."""

import re
from pathlib import Path

HEAD = 1024
LFS = ("git-lfs", "git lfs pull")
POINTERS = {b"version https://git-lfs": LFS, b"version https://hawser": LFS,
            b"/annex/objects/": ("git-annex", "git annex get .")}
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # of UTF-8 and UTF-16
PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.{0,400}?-->\s*)*<(!doctype\s+html|html|head|body|title|Error>)",
                  re.IGNORECASE | re.DOTALL)


def describe_placeholder(path: Path | str) -> str | None:
    """A clause that says what stands in a file instead of its content, and the remedy; None where it seems itself.

    Raises OSError where the file cannot be opened.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if not head:
        return "is empty; make or download the file again"
    for mark in MARKS:
        head = head.removeprefix(mark)
    head = head.replace(b"\0", b"")  # a page or a pointer in UTF-16
    for start, (tool, command) in POINTERS.items():
        if head.startswith(start):
            return f"is a {tool} pointer, not the file itself; fetch it with `{command}`"
    if PAGE.match(head):
        return ("is a web page, not the file itself: its download was answered by a page (to log in, or of an error); "
                "download it again")
    return None

"""What stands in the blocks of README and the pages."""

import re


def blocks(page, language):
    """The texts of a page's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def command_lines(page):
    """The lines of a page's bash blocks, those that go on joined."""
    return [line for block in blocks(page, "bash") for line in block.replace("\\\n", " ").splitlines()]

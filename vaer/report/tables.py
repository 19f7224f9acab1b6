"""One table of text as Markdown, as LaTeX (booktabs) and on the screen."""

import string
from collections.abc import Sequence
from typing import NamedTuple

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as ScreenTable
from rich.text import Text

WIDTH = 80
"""Characters of a line on the screen."""
LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
         "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
         "|": r"\textbar{}", "\"": r"\textquotedbl{}", "[": "{[}", "]": "{]}", "*": "{*}", "-": "{-}", "`": "{`}",
         "'": "{'}"}
MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


class Cell(NamedTuple):
    """What stands in a field: a figure or a name, its interval if any, and the letters of its remarks."""

    text: str
    span: str = ""
    letters: tuple[str, ...] = ()


class Table(NamedTuple):
    """A heading for each column, the fields of each row, and what stands under them."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[Cell]]
    notes: list[str]
    """Of the whole table."""
    remarks: list[tuple[str, str]]
    """Letters and what they stand for."""


def lettered(marks: Sequence[Sequence[str]]) -> tuple[list[tuple[str, ...]], list[tuple[str, str]], list[str]]:
    """Letters for the marks of each row, what the letters mean, and the marks that all of several rows share."""
    everywhere = [mark for mark in (marks[0] if len(marks) > 1 else []) if all(mark in row for row in marks)]
    letters: dict[str, str] = {}
    for row in marks:
        for mark in row:
            if mark not in everywhere:
                letters.setdefault(mark, _letter(len(letters)))
    own = [tuple(letters[mark] for mark in dict.fromkeys(row) if mark in letters) for row in marks]
    return own, [(letter, mark) for mark, letter in letters.items()], everywhere


def _letter(number: int) -> str:
    """a to z, then aa, ab and so on."""
    rest = number // 26
    return (_letter(rest - 1) if rest else "") + string.ascii_lowercase[number % 26]


def show(table: Table) -> None:
    """Print a table in 80 columns."""
    console = Console(width=WIDTH)
    screen = ScreenTable(title=Text(table.title), box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for place, column in enumerate(table.columns):
        screen.add_column(Text(column), justify="right" if place else "left", overflow="fold", no_wrap=bool(place))
    for row in table.rows:
        screen.add_row(*(Text(" ".join([cell.text, *(f"({letter})" for letter in cell.letters)])
                              + f"\n{cell.span}" * bool(cell.span)) for cell in row))
    console.print(screen)
    for line in [*table.notes, *(f"({letter}) {mark}" for letter, mark in table.remarks)]:
        console.print(Text(line), overflow="fold")


def markdown(table: Table) -> str:
    """A table as GitHub and pandoc read it."""
    def field(cell: Cell) -> str:
        letters = f"<sup>{','.join(cell.letters)}</sup>" if cell.letters else ""
        return _markdown(f"{cell.text} {cell.span}".strip()) + letters

    lines = [f"| {' | '.join(map(_markdown, table.columns))} |",
             "|" + "|".join([":--", *["--:"] * (len(table.columns) - 1)]) + "|",
             *(f"| {' | '.join(map(field, row))} |" for row in table.rows)]
    under = [*map(_markdown, table.notes),
             *(f"<sup>{letter}</sup> {_markdown(mark)}" for letter, mark in table.remarks)]
    return "\n".join([f"**{_markdown(table.title)}**", "", *lines, "", "  \n".join(under), ""])


def latex(table: Table) -> str:
    r"""A tabular with booktabs' rules, to be put into a document by `\input`; it wants `\usepackage{booktabs}`."""
    def field(cell: Cell) -> str:
        letters = rf"\textsuperscript{{{','.join(cell.letters)}}}" if cell.letters else ""
        span = rf" {{\scriptsize {_figure(cell.span)}}}" if cell.span else ""
        return _figure(cell.text) + letters + span

    under = [*map(_latex, table.notes),
             *(rf"\textsuperscript{{{letter}}} {_latex(mark)}" for letter, mark in table.remarks)]
    return "\n".join([
        r"% Wants \usepackage{booktabs} in the preamble; " + _plain(table.title),
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}", r"\toprule",
        " & ".join(map(_latex, table.columns)) + r" \\", r"\midrule",
        *(" & ".join(map(field, row)) + r" \\" for row in table.rows), r"\bottomrule", r"\end{tabular}", "",
        r"\par\smallskip{\footnotesize\raggedright", *(rf"{line}\par" for line in under), "}", ""])


def _figure(text: str) -> str:
    """A figure in LaTeX, with a minus where it has one; any other text escaped."""
    if any(character.isdigit() for character in text) and not text.strip("+-.,[] 0123456789"):
        return text.replace("-", "$-$").replace("+", "$+$").replace("[", "{[}").replace("]", "{]}")
    return _latex(text)


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in _plain(text))


def _markdown(text: str) -> str:
    return _plain(text).translate(MARKDOWN)


def _plain(text: str) -> str:
    """Without line ends and other marks that would end a row."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())

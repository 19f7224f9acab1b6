import re

import pytest

from vaer.report.tables import Cell, Table, latex, lettered, markdown, show

NASTY = r"50% of $x_1$ & {a}~b^2 #3 \end <c>|d [e] *f* -g `h` " + '"i"' + "\n\tj"


def table(name="a", notes=(), remarks=()):
    return Table("two rows", ("row", "UAR", "to the first"),
                 [[Cell("first"), Cell("0.500", "[0.400, 0.600]"), Cell("-")],
                  [Cell(name, "", ("a", "b")), Cell("0.700"), Cell("-0.012", "[-0.020, +0.004]")]],
                 list(notes), list(remarks))


def test_marks_of_some_rows_have_letters_and_those_of_all_none():
    assert lettered([["x", "all"], ["all", "y", "x"], ["all"]]) == (
        [("a",), ("b", "a"), ()], [("a", "x"), ("b", "y")], ["all"])
    assert lettered([["x"]]) == ([("a",)], [("a", "x")], [])
    assert lettered([]) == ([], [], [])
    many = [[f"mark {number}" for number in range(30)], []]
    assert lettered(many)[0][0][-5:] == ("z", "aa", "ab", "ac", "ad")


def test_markdown_has_a_field_for_each_column():
    lines = markdown(table(remarks=[("a", "odd")])).splitlines()
    assert lines[2:6] == ["| row | UAR | to the first |", "|:--|--:|--:|",
                          r"| first | 0.500 \[0.400, 0.600\] | - |",
                          r"| a<sup>a,b</sup> | 0.700 | -0.012 \[-0.020, +0.004\] |"]
    assert "<sup>a</sup> odd" in lines


def test_names_cannot_break_a_table():
    row = markdown(table(NASTY)).splitlines()[5]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4
    assert "<c>" not in row
    lines = latex(table(NASTY)).splitlines()
    row = next(line for line in lines if line.startswith("50"))
    assert len(re.findall(r"(?<!\\)&", row)) == 2
    assert row.endswith(r" \\")
    assert r"50\% of \$x\_1\$ \& \{a\}\textasciitilde{}b\textasciicircum{}2 \#3 \textbackslash{}end" in row
    assert not set(re.sub(r"\\.", "", row)) & set("%#~")
    assert row.count("{") - row.count(r"\{") == row.count("}") - row.count(r"\}")


@pytest.mark.parametrize("name", ["[x]", "*x", "--x", "-0.5"])
def test_a_name_after_a_line_end_is_no_argument_of_it(name):
    row = latex(table(name)).splitlines()[6]
    assert not re.match(r"[\[*]", row)
    assert "--" not in row


def test_latex_has_the_rules_of_booktabs_and_true_minus_signs():
    text = latex(table(notes=["a note"], remarks=[("a", "100 % of them")]))
    assert text.isascii()
    lines = text.splitlines()
    assert lines[0].startswith(r"% Wants \usepackage{booktabs}")
    assert lines[1:5] == [r"\begin{tabular}{lrr}", r"\toprule", r"row & UAR & to the first \\", r"\midrule"]
    assert lines[5] == r"first & 0.500 {\scriptsize {[}0.400, 0.600{]}} & {-} \\"
    assert lines[6] == (r"a\textsuperscript{a,b} & 0.700 & $-$0.012 {\scriptsize {[}$-$0.020, $+$0.004{]}} \\")
    assert lines[7:9] == [r"\bottomrule", r"\end{tabular}"]
    assert r"\textsuperscript{a} 100 \% of them\par" in lines
    opened = re.findall(r"(?<!\\)\{", text)
    assert len(opened) == len(re.findall(r"(?<!\\)\}", text))


def test_the_screen_has_eighty_columns_whatever_the_names(capsys):
    name = "runs/" + "very_long_name_without_a_blank" * 5
    show(table(name, notes=["a note " * 30], remarks=[("a", "x" * 200), ("b", "[bold]not markup[/bold]")]))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "[-0.020, +0.004]" in shown
    assert "[bold]not markup[/bold]" in shown
    assert name in "".join(line.split(" ")[0] for line in "".join(shown).replace("\n ", "\n").splitlines())

from markupsafe import Markup

from vaer.report.tables import Cell, Table
from vaer.report.template import fill_page


def test_a_comparison_alone_is_a_page_and_escaped():
    table = Table("<b>title</b>", ("row", "UAR"), [[Cell("a & b"), Cell("0.500", "[0.4, 0.6]", ("a",))]], ["note <1>"],
                  [("a", "remark")])
    page = fill_page("t < u", comparison={"svg": Markup("<svg></svg>"), "tables": [table]})
    assert "<title>t &lt; u</title>" in page
    assert "<caption>&lt;b&gt;title&lt;/b&gt;</caption>" in page
    assert '<td>a &amp; b</td><td class="n">0.500 <span class="one">[0.4, 0.6]</span><sup>a</sup></td>' in page
    assert "<svg></svg>" in page
    assert "note &lt;1&gt;" in page
    assert "<article>" not in page


def test_an_empty_page_is_a_page():
    assert fill_page("nothing").rstrip().endswith("</html>")

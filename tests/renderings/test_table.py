import pandas as pd
from makers import make_timeline

from vaer.renderings.table import render_table


def test_the_table_is_the_frame_as_excel_reads_it(tmp_path):
    render_table(make_timeline(), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbfwindow,shot,track,start_s")
    table = pd.read_csv(tmp_path / "a.csv", encoding="utf-8-sig")
    pd.testing.assert_frame_equal(table[["a", "b"]], make_timeline().to_frame()[["a", "b"]])

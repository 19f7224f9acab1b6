"""What a preparation says of itself."""

import pytest
from makers import write_video

from vaer.prepare.manifest import Facts
from vaer.prepare.report import COLUMNS, ROWS, summary, write_report


def rows(root, good=2, broken=1):
    write_video(root / "a.mp4", frames=3, size=(48, 64))
    return [*(Facts("a.mp4", f"good{number}.mp4", "", "", frames=3) for number in range(good)),
            Facts("a.mp4", "odd.mp4", "no face; silent", "", frames=3),
            *(Facts("", f"broken{number}.mp4", "", "is empty; make it again") for number in range(broken))]


def test_a_summary_counts_every_kind(tmp_path):
    assert summary(rows(tmp_path), ["a.zip"], ["__MACOSX", "._a.mp4"], []) == [
        "2 files without anything to say", "1 cannot be prepared", "1 no face", "1 silent",
        "1 other files were not taken over: a.zip",
        "passed over 2 items that an operating system left: __MACOSX, ._a.mp4"]


@pytest.mark.parametrize(("broken", "pages"), [(1, 1), (COLUMNS * ROWS, 2)])
def test_everything_doubtful_is_on_a_page(tmp_path, capsys, broken, pages):
    write_report(tmp_path, rows(tmp_path, broken=broken), others=[], litter=[], gone=["old.mp4"], prepared=7)
    assert len(list((tmp_path / "report").glob("doubtful-*.png"))) == pages
    assert (tmp_path / "report/sample.png").stat().st_size > 1000
    text = (tmp_path / "report/report.md").read_text()
    assert "| odd.mp4 | no face; silent |" in text
    assert text.count("is empty; make it again |") == broken
    assert "1 clip whose file is gone: old.mp4" in text
    assert f"7 of {broken + 3} files prepared now" in capsys.readouterr().err


def test_pages_of_an_earlier_report_go(tmp_path):
    write_report(tmp_path, rows(tmp_path, broken=40), others=[], litter=[], gone=[], prepared=0)
    write_report(tmp_path, rows(tmp_path)[:2], others=[], litter=[], gone=[], prepared=0)
    assert sorted(path.name for path in (tmp_path / "report").glob("*.png")) == ["sample.png"]

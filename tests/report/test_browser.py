"""The pages in a real browser, where there is one."""

import pytest
from browser import CHROMIUM, Browser
from report_makers import everything

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of two runs with all that there can be, and that of a comparison alone."""
    return everything(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    window = Browser(tmp_path_factory.mktemp("profile"))
    yield window
    window.close()


@pytest.mark.parametrize("place", [0, 1], ids=["report", "comparison"])
@pytest.mark.parametrize(("width", "dark", "media"), [
    (1280, False, ""), (1280, True, ""), (400, False, ""), (400, True, ""), (900, False, "print")])
def test_a_page_is_readable_and_silent(browser, pages, place, width, dark, media):
    browser.open(pages[place], width=width, dark=dark, media=media)
    assert browser.said() == []
    assert browser.fetched() == [pages[place].resolve().as_uri()]
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value("document.querySelectorAll('svg').length") >= (1 if place else 8)
    assert browser.value("[...document.querySelectorAll('img')].every(image => image.naturalWidth > 0)")
    assert browser.value("[...document.querySelectorAll('svg')].every(svg => svg.getAttribute('aria-label'))")
    assert browser.faint() == []
    # What a figure leaves without a fill of its own, such as the dots of means, is filled by the page's ink.
    assert browser.value("getComputedStyle(document.querySelector('svg')).fill") == (
        "rgb(232, 232, 232)" if dark else "rgb(26, 26, 26)")


def test_faint_text_is_found(browser, tmp_path):
    page = tmp_path / "faint.html"
    page.write_text("<!doctype html><title>x</title><body style='background: #fff'><p style='color: #999'>grey</p>"
                    "<p style='color: #000'>black</p><svg width='90' height='40' viewBox='0 0 90 40'>"
                    "<rect width='90' height='40' fill='#222'/><text x='5' y='25'>dark</text></svg>")
    browser.open(page)
    # (1 + 0.05) / (0.3185 + 0.05) = 2.85 for #999999 on white; black on #222222 is (0.0160 + 0.05) / 0.05 = 1.32.
    assert [(text, round(contrast, 2)) for text, contrast in browser.faint()] == [("grey", 2.85), ("dark", 1.32)]


def test_what_a_page_says_and_fetches_is_found(browser, tmp_path):
    page = tmp_path / "loud.html"
    page.write_text("<!doctype html><title>x</title><img src='absent.png'><script>console.log('heard')</script>")
    browser.open(page)
    assert len(browser.said()) >= 1
    assert (tmp_path / "absent.png").as_uri() in browser.fetched()

"""The one HTML page, filled: nothing is fetched, and all that it is given is escaped but the figures."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def fill_page(title: str, *, comparison: dict[str, Any] | None = None, sources: list[dict[str, Any]] | None = None,
              ) -> str:
    """The page as text: a comparison, then each source; either may be absent."""
    environment = Environment(loader=PackageLoader("vaer.report", "."), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.get_template("page.html").render(title=title, comparison=comparison, sources=sources or [])

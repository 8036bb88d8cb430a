"""Pages: one self-contained HTML file that opens offline, and fragments for notebooks, made from the same templates."""

from tapegraph.report.pages import fragment, page

__all__ = ["fragment", "page"]

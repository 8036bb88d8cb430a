"""Tests of pages with pictures open them in a browser."""

from tests.support.browser import browser, view

__all__ = ["browser", "view"]

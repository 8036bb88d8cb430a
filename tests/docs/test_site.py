"""The built site in a browser: nothing on the console, nothing from the network, nothing for axe, nothing that runs off the page."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.browser import browser, view  # noqa: F401 - fixtures

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "docs"
PAGES = ("index", "tour", "reference/ops/math", "errors/SymbolError", "coming_from/pytorch")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site():
    """The folder of the site, which ``.ci/run`` has built before the tests; two test processes cannot both build it."""
    if not (SITE / "index.html").is_file():
        pytest.skip("the site is not built: python -m sphinx -W -q -b html docs build/docs")
    return SITE


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_the_browser(site, view, name, width, scheme):  # noqa: F811
    page = view(site / f"{name}.html", width, scheme)
    assert page.page.inner_text("h1").strip()
    # The theme keeps its drawers outside the window, so that what counts is whether the page itself scrolls sideways.
    assert page.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert not page.complaints
    assert not page.axe()
    page.complaints.clear()  # of axe-core's own, which may not fetch the style sheets of a page opened from a file


def test_a_source_shows_the_line_that_was_linked_to(site, view):  # noqa: F811
    page = view(site / "source/engine/op.py.html")
    assert page.page.locator("#line-1").count() == 1
    assert not page.axe()


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.targets, self.ids = [], set()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.targets += [found["href"]] if tag == "a" and found.get("href") else []
        self.ids |= {found[key] for key in ("id", "name") if found.get(key)}


def test_no_link_inside_the_site_is_broken(site):
    pages = {}
    for path in site.rglob("*.html"):
        pages[path.resolve()] = reader = _Links()
        reader.feed(path.read_text(encoding="utf-8"))
    assert len(pages) > 200
    broken = []
    for path, reader in pages.items():
        for target in reader.targets:
            address, _, part = target.partition("#")
            if "://" in address or address.startswith(("mailto:", "javascript:")):
                continue
            there = (path.parent / address).resolve() if address else path
            if (there not in pages and not there.is_file()) or (
                part and there in pages and part not in pages[there].ids
            ):
                broken.append(f"{path.relative_to(site.resolve())}: {target}")
    assert not broken, "\n".join(broken[:30])

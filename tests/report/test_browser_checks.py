"""The checks of pages see what they are there to see."""

import pytest

from tests.support.browser import chromium

BAD = """<!doctype html><html lang=en><title>bad</title><main><h1>Bad</h1>
<div style="width: 3000px" class="wide">wide</div>
<div style="overflow-x: auto"><div style="width: 3000px" class="boxed">scrolls by itself</div></div>
<p style="color: #aaa; background: #fff">pale</p><img src="https://example.invalid/x.png">
<script>console.error("told"); throw new Error("thrown")</script></main>"""
GOOD = """<!doctype html><html lang=en><meta name=color-scheme content="light dark"><title>good</title>
<main><h1>Good</h1><p>read</p></main>"""


def test_the_chromium_that_is_named_comes_first(tmp_path, monkeypatch):
    named = tmp_path / "chrome"
    named.write_text("")
    monkeypatch.setenv("CHROMIUM", str(named))

    class Playwright:
        class chromium:
            executable_path = "/nowhere"

    assert chromium(Playwright) == str(named)
    monkeypatch.setenv("CHROMIUM", "/nowhere/either")
    assert chromium(Playwright) is None


@pytest.mark.slow
def test_a_bad_page_is_found_out(view):
    seen = view(BAD)
    told = "\n".join(seen.complaints)
    assert "told" in told and "thrown" in told and "network: https://example.invalid/x.png" in told
    assert [line.split()[0] for line in seen.overflowing()] == ["div.wide", "the"]
    found = "\n".join(seen.axe())
    assert "color-contrast" in found and "image-alt" in found
    seen.complaints.clear()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_good_page_passes(view, scheme):
    seen = view(GOOD, 400, scheme)
    assert not seen.axe() and not seen.overflowing() and 0 < seen.busy < 5 and seen.seconds > 0
    dark = seen.page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == (scheme == "dark")

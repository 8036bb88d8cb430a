"""Pages in a browser: nothing complained of, nothing fetched, everything drawn, nothing that overflows, nothing axe-core minds."""

import json

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.commands.main import main
from tapegraph.report import fragment, page
from tests.report import made

pytestmark = pytest.mark.slow

LOOKS = [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")]
DRAWN = """() => [...document.querySelectorAll("svg.chart")].filter(c => c.getClientRects().length).map(c => {
  const box = c.getBoundingClientRect()
  return { name: c.querySelector("title").textContent, wide: box.width, high: box.height,
           marks: c.querySelectorAll(".curve, .hill, .spot").length,
           outside: [...c.querySelectorAll("text")].filter(t => t.getBoundingClientRect().right > innerWidth + 1).length }
})"""
LARGEST = 6 << 20
SECONDS = 2.0


@pytest.fixture(scope="module")
def measured():
    """A comparison of a function of the user's, really made."""

    def smooth(x, w):
        return tg.mean(tg.square(tg.tanh(x @ w) - 0.5))

    rng = np.random.default_rng(0)
    arrays = rng.random((16, 8), np.float32), rng.random((8, 4), np.float32)
    return tg.compare(smooth, *arrays, seconds=3)


def checked(seen, charts):
    """The page is as a page must be; ``charts``: the titles of those that it must show."""
    assert seen.overflowing() == []
    drawn = seen.page.evaluate(DRAWN)
    assert [chart["name"] for chart in drawn] == charts
    wide = seen.page.viewport_size["width"]
    for chart in drawn:
        assert chart["wide"] > 0.6 * min(wide, 840) and chart["high"] > 100 and chart["marks"] > 0, chart
        assert chart["outside"] == 0, chart
    assert seen.axe() == []
    assert 0 < seen.busy <= SECONDS


ALL = ["Total time against number of calls", "How long single calls take", "Throughput and debuggability"]


@pytest.mark.parametrize("width, scheme", LOOKS)
def test_the_page_of_a_real_comparison(measured, view, tmp_path, width, scheme):
    path = tmp_path / "report.html"
    measured.save(path)
    seen = view(path, width, scheme)
    checked(seen, ALL if measured.debuggability else ALL[:2])
    ground = seen.page.evaluate("() => getComputedStyle(document.querySelector('.tapegraph')).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 150) == (scheme == "dark")


def test_the_page_of_the_digits(view, tmp_path, capsys):
    path = tmp_path / "digits.html"
    assert main(["compare", "--epochs", "1", "--seconds", "4", "--save", str(path)]) == 0
    for width, scheme in ((1280, "dark"), (400, "light")):
        seen = view(path, width, scheme)
        checked(seen, ALL)
        assert seen.page.locator("#graphs ~ .bleed svg").count() > 0 and seen.page.locator("table.bars").count() == 2


@pytest.mark.parametrize("kind", ["whole", "untraceable", "never", "disagreeing", "interrupted"])
def test_pages_of_every_kind(view, kind):
    found = made.KINDS[kind]()
    charts = {"whole": ALL, "never": ALL[:2], "disagreeing": ALL[:2], "untraceable": ALL[1:2], "interrupted": []}
    for width, scheme in LOOKS if kind == "whole" else [(400, "dark")]:
        checked(view(page(found), width, scheme), charts[kind])


def test_the_page_answers_for_a_number_of_calls_and_gives_its_figures(view):
    found = made.whole()
    seen = view(page(found))
    seen.page.fill("#calls", "100000")
    assert seen.page.text_content("#answer").startswith("eager 2 min · static, cold cache 7.4 s (1.88 min less)")
    with seen.page.expect_download() as waited:
        seen.page.click("#download")
    with open(waited.value.path()) as file:
        assert json.load(file)["speedup"]["value"] == 20.0
    seen.page.click("#expand")
    assert seen.page.locator("details.fault[open]").count() == len(found.faults)
    seen.page.keyboard.press("Tab")
    focused = "() => getComputedStyle(document.activeElement).outlineStyle"
    assert seen.page.evaluate(focused) == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fragments_leave_the_notebook_alone(view, scheme):
    theme = "false" if scheme == "dark" else "true"
    around = "<!doctype html><html lang=en><title>notebook</title><body data-jp-theme-light={}><main><h1>Notebook</h1><table><tr><td>1</table>{}</main>"
    plain = view(around.format(theme, ""), 900)
    seen = view(around.format(theme, fragment(made.whole()) + fragment(made.untraceable())), 900)
    style = "() => ['body', 'h1', 'main > table', 'main > table td'].map(s => JSON.stringify([...getComputedStyle(document.querySelector(s))].filter(p => !/size|width|height|origin/.test(p)).map(p => [p, getComputedStyle(document.querySelector(s)).getPropertyValue(p)])))"
    assert seen.page.evaluate(style) == plain.page.evaluate(style)
    ink = seen.page.evaluate("() => getComputedStyle(document.querySelector('.tapegraph')).color")
    assert (sum(map(int, ink[4:-1].split(","))) > 600) == (scheme == "dark")
    assert seen.overflowing() == []


JUPYTER = """<style>.jp-RenderedHTMLCommon dt { float: left; clear: left; width: 20% }
.jp-RenderedHTMLCommon dd { margin: 0 0 0 20%; padding-left: 2em } .jp-RenderedHTMLCommon table { table-layout: fixed }
.jp-RenderedHTMLCommon td, .jp-RenderedHTMLCommon th { text-align: right; max-width: none }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: #f00 } html { font-size: 10px }</style>"""


def test_the_styles_of_notebooks_leave_fragments_alone(view):
    """Rules as JupyterLab and nbconvert have them for outputs, and the letters of the classic notebook."""
    main = "<!doctype html><html lang=en><title>notebook</title>{}<main class=jp-RenderedHTMLCommon><h1>Notebook</h1>{}</main>"
    look = """() => [...document.querySelectorAll(".tapegraph :is(dl, dt, dd, table, td, tr, strong, text, p)")].map(
      e => { const b = e.getBoundingClientRect(), s = getComputedStyle(e); return [e.tagName, b.width, b.height, s.textAlign, s.backgroundColor] })"""
    plain = view(main.format("", fragment(made.whole())).replace("jp-", ""), 900)
    jupyter = view(main.format(JUPYTER, fragment(made.whole())), 900)
    first, second = (seen.page.evaluate(look) for seen in (plain, jupyter))
    assert len(first) == len(second) > 40
    for before, after in zip(first, second, strict=True):
        assert before[3:] == after[3:] and before[1:3] == pytest.approx(after[1:3], rel=0.2, abs=4), (before, after)


def test_a_page_with_a_thousand_nodes_opens_quickly(view, tmp_path):
    path = tmp_path / "large.html"
    path.write_text(page(made.whole(scene=made.large_scene())), encoding="utf-8")
    assert path.stat().st_size <= LARGEST
    seen = view(path)
    assert 0 < seen.busy <= SECONDS
    assert seen.page.locator("#graphs ~ .bleed svg").count() > 0
    assert seen.overflowing() == []

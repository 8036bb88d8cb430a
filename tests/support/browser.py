"""Pages opened in headless Chromium: what they complain of, what they fetch, what overflows, what axe-core says."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OWN = ("file:", "data:", "blob:", "about:")  # addresses that need no network
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

# Elements that reach past the right edge of the window, but for those in a box that scrolls or clips by itself.
OVERFLOW = """() => {
  const wide = document.documentElement.clientWidth
  const boxed = e => { for (; e && e !== document.body; e = e.parentElement)
    if (getComputedStyle(e).overflowX !== "visible") return true; return false }
  const all = document.documentElement.scrollWidth
  const whole = all > wide ? [`the page is ${all} wide in a window of ${wide}`] : []
  return [...document.body.querySelectorAll("*")]
    .filter(e => e.getClientRects().length && e.getBoundingClientRect().right > wide + 1 && !boxed(e.parentElement))
    .map(e => `${e.tagName.toLowerCase()}.${e.getAttribute("class") || ""} ends at ${Math.round(e.getBoundingClientRect().right)} of ${wide}`).concat(whole)
}"""


def chromium(playwright: Any) -> str | None:
    """The Chromium of ``CHROMIUM``, else of PATH, else playwright's own; None where there is none."""
    named = os.environ.get("CHROMIUM")
    found = [named] if named else [shutil.which(name) for name in NAMES]
    found.append(playwright.chromium.executable_path)
    return next((path for path in found if path and Path(path).exists()), None)


@dataclass
class View:
    """An opened page.

    page        playwright's
    seconds     from the request to the first frame drawn after the load event, on the wall clock
    busy        seconds that the page's thread computed until then, which other processes of the machine do not lengthen
    complaints  errors and warnings on the console, uncaught errors, addresses fetched over the network
    """

    page: Any
    seconds: float = 0.0
    busy: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def axe(self, *, open_details: bool = True) -> list[str]:
        """What axe-core finds wrong, one line for each element; with closed ``details`` opened first unless told not to."""
        from axe_playwright_python.sync_playwright import Axe

        if open_details:
            self.page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true })")
        return [
            f"{found['id']} ({found['impact']}): {node['html'][:200]} {node['failureSummary']}"
            for found in Axe().run(self.page).response["violations"]
            for node in found["nodes"]
        ]

    def overflowing(self) -> list[str]:
        """The elements that make the page scroll sideways."""
        return self.page.evaluate(OVERFLOW)

    def shot(self, path: Path | str) -> None:
        """Write a PNG of the whole page."""
        self.page.screenshot(path=str(path), full_page=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium, or the test is skipped.

    It lasts for a module only: while playwright runs, asyncio believes itself inside a loop, which other tests would trip over.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        path = chromium(started)
        if path is None:
            pytest.skip("no Chromium: install one, or name it in CHROMIUM")
        running = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def view(browser: Any, tmp_path: Path) -> Iterator[Callable[..., View]]:
    """``view(what, width=1280, scheme="light")`` opens a file, or a page given as text; at the end nothing may have been complained of."""
    opened: list[View] = []

    def open_page(
        what: Path | str, width: int = 1280, scheme: str = "light", *, height: int = 900, motion: str = "reduce"
    ) -> View:
        path = Path(what) if not str(what).lstrip().startswith("<") else tmp_path / f"page{len(opened)}.html"
        if path != what and not path.exists():
            path.write_text(str(what), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion=motion)
        seen = View(page)
        opened.append(seen)
        page.on("console", lambda m: m.type in ("error", "warning") and seen.complaints.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda error: seen.complaints.append(f"uncaught: {error}"))
        page.on("request", lambda r: r.url.startswith(OWN) or seen.complaints.append(f"network: {r.url}"))
        tools = page.context.new_cdp_session(page)
        tools.send("Performance.enable", {"timeDomain": "threadTicks"})
        began = time.perf_counter()
        page.goto(path.resolve().as_uri(), wait_until="load")
        page.evaluate(DRAWN)
        seen.seconds = time.perf_counter() - began
        figures = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
        seen.busy = figures["TaskDuration"]
        return seen

    yield open_page
    complaints = [complaint for seen in opened for complaint in seen.complaints]
    for seen in opened:
        seen.page.close()
    assert not complaints, "\n".join(complaints)

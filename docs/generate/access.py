"""What the theme leaves out for readers by keyboard and by ear, put into the finished pages: names of landmarks, focus for what scrolls."""

from __future__ import annotations

from sphinx.application import Sphinx

MENDED = (
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer">', '<aside class="toc-drawer" aria-label="On this page">'),
    ('<aside class="toc-drawer no-toc">', '<aside class="toc-drawer no-toc" aria-label="On this page">'),
    ('"><pre><span></span>', '"><pre tabindex="0"><span></span>'),
)


def finish(app: Sphinx, failure: Exception | None) -> None:
    """Mend every page; a page that was mended before stays as it is."""
    if failure is not None or app.builder.format != "html":
        return
    for path in app.outdir.rglob("*.html"):
        old = text = path.read_text(encoding="utf-8")
        for plain, mended in MENDED:
            text = text.replace(plain, mended)
        if text != old:
            path.write_text(text, encoding="utf-8")

"""Sources of the project as pages with a line to link to; the role ``{source}`` names a file, or a file and a line."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from generate.pages import ROOT


class SourceRole(SphinxRole):
    """``{source}`engine/op.py:42` `` links to the line on a page that shows the file; a file that is not there is an error."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The link, or a warning where there is no such file or line."""
        file, _, line = self.text.partition(":")
        path = ROOT / file
        if not path.is_file() or (line and int(line) > len(path.read_text(encoding="utf-8").splitlines())):
            message = self.inliner.reporter.error(f"there is no {self.text}", line=self.lineno)
            return [nodes.literal(self.rawtext, self.text)], [message]
        if not hasattr(self.env, "shown_sources"):
            self.env.shown_sources = set()
        self.env.shown_sources.add((self.env.docname, file))
        depth = self.env.docname.count("/")
        target = f"{'../' * depth}source/{file}.html" + (f"#line-{line}" if line else "")
        link = nodes.reference("", "", internal=True, refuri=target)
        link += nodes.literal(self.text, self.text)
        return [link], []


def forget(app: Sphinx, env: Any, docname: str) -> None:
    """Drop what a page that is read again had linked to."""
    env.shown_sources = {pair for pair in getattr(env, "shown_sources", ()) if pair[0] != docname}


def merge(app: Sphinx, env: Any, docnames: Any, other: Any) -> None:
    """Take over what another process has read."""
    env.shown_sources = getattr(env, "shown_sources", set()) | getattr(other, "shown_sources", set())


_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{file} - tapegraph</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; max-width: 90rem; padding: 1rem; font-family: system-ui, sans-serif; }}
.highlight {{ overflow-x: auto; font-size: 0.85rem; }}
.highlight span:target {{ display: inline-block; min-width: 100%; outline: 2px solid; }}
{light}
@media (prefers-color-scheme: dark) {{ {dark} }}
</style></head>
<body><nav><a href="{up}index.html">tapegraph</a></nav><main><h1>{file}</h1>
{body}</main></body>
</html>
"""


def write(app: Sphinx, failure: Exception | None) -> None:
    """A page for each file that some page links to; no part of the navigation, which would cost a second each."""
    if failure is not None or app.builder.format != "html":
        return
    styles = [HtmlFormatter(style=app.config[name]).get_style_defs(".highlight") for name in _STYLES]
    for file in sorted({file for _, file in getattr(app.env, "shown_sources", ())}):
        text = (ROOT / file).read_text(encoding="utf-8")
        formatter = HtmlFormatter(linenos="inline", linespans="line")
        body = highlight(text, get_lexer_for_filename(file, stripnl=False), formatter)
        body = body.replace("<pre>", f'<pre tabindex="0" aria-label="{file}">')
        path = app.outdir / "source" / f"{file}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (file.count("/") + 1)
        path.write_text(_PAGE.format(file=file, light=styles[0], dark=styles[1], up=up, body=body), encoding="utf-8")


_STYLES = "pygments_style", "pygments_dark_style"


def text_of(function: Callable[..., Any]) -> str:
    """The source of a function; of a lambda no more than the expression."""
    if function.__name__ != "<lambda>":
        return inspect.cleandoc("\n" + inspect.getsource(function))
    code = function.__code__
    tree, text = _parsed(code.co_filename)
    lambdas = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda) and n.lineno == code.co_firstlineno]
    spots = {(p[0], p[2]) for p in code.co_positions() if p[0] is not None and p[2]}
    found = max(lambdas, key=lambda n: len(spots & _starts(n.body)))
    segment = ast.get_source_segment(text, found) or ""
    return inspect.cleandoc("\n" + segment) if "\n" in segment else segment


def _starts(body: ast.expr) -> set[tuple[int, int]]:
    return {(n.lineno, n.col_offset) for n in ast.walk(body) if isinstance(n, ast.expr)}


@cache
def _parsed(file: str) -> tuple[ast.Module, str]:
    with open(file, encoding="utf-8") as stream:
        text = stream.read()
    return ast.parse(text), text

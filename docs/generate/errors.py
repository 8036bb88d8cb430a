"""A page for each error and notice: its text from ``tapegraph.explained``, its programs run in both modes."""

from __future__ import annotations

import inspect
import re
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from engine import errors, notices
from generate import programs
from generate.pages import code, toctree, write
from generate.text import inline
from tapegraph.explained import Page
from tapegraph.explained import pages as explained

BLOCK = re.compile(r"^```python\n.*?^```\n", re.MULTILINE | re.DOTALL)


def pages() -> None:
    """Write ``errors/``: an index, and a page for each text."""
    texts = explained()
    with ProcessPoolExecutor() as pool:
        for page, text in zip(texts.values(), pool.map(written, texts.values()), strict=True):
            write(f"errors/{page.name}.md", text)
    write("errors/index.md", _index(texts))


def classes() -> dict[str, type[Any]]:
    """The errors and notices that a user may see, by name."""
    found = {}
    for module in (errors, notices):
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, errors.Sentence) and kind.__module__ == module.__name__:
                found[name] = kind
    return {
        n: k for n, k in found.items() if k not in (errors.Sentence, errors.TapegraphError, notices.TapegraphWarning)
    }


def written(page: Page) -> str:
    """The page with what its programs print behind each, and the class's place at the end."""
    outputs = iter([_told(source, f"{page.name.lower()}.py") for source in page.programs])
    text = BLOCK.sub(lambda block: block[0] + "\n" + next(outputs), page.text)
    kind = classes().get(page.name)
    if kind is not None:
        bases = ", ".join(f"`{k.__name__}`" for k in kind.__mro__[1:] if k not in (object, BaseException, Exception))
        text += f"\n## The class\n\n`{kind.__module__}.{kind.__name__}`, in `tg.errors`: {inline(inspect.getdoc(kind) or '')}\n\nAlso a: {bases}.\n"
        if issubclass(kind, notices.TapegraphWarning):
            text = text.replace(", in `tg.errors`", "")
    return text


def _told(source: str, file: str) -> str:
    if programs.early(source):
        return "It prints:\n\n" + code(programs.run(source, file, "eager").text, "text")
    eager, static = (programs.run(source, file, mode).text for mode in programs.MODES)
    if eager == static:
        return "In both modes:\n\n" + code(eager, "text")
    return "In eager mode:\n\n" + code(eager, "text") + "\nIn static mode:\n\n" + code(static, "text")


def _index(texts: dict[str, Page]) -> str:
    lines = [
        "# Errors and notices",
        "",
        "An error is a sentence with an address: what is wrong, the operands under the names that your program gives them, the line and the expression, "
        "and the likely fix. Notices are warnings of the same form, for programs that run and are probably wrong. Both are the same in both modes where "
        "the mistake is the same. `tapegraph explain NAME` prints these pages in a terminal.",
        "",
        'Each program below was run when this page was built, once inside `tg.mode("eager")` and once inside `tg.mode("static")`; '
        "what it wrote is shown as it came.",
        "",
    ]
    for title, chosen in (
        ("Errors", lambda n: n.endswith("Error")),
        ("Notices", lambda n: n.endswith("Warning")),
        ("Subjects", lambda n: n[0].islower()),
    ):
        lines += [f"## {title}", "", "| name | what it means |", "|---|---|"]
        lines += [f"| [{p.title}]({n}.md) | {p.summary} |" for n, p in texts.items() if chosen(n)]
        lines.append("")
    return "\n".join(lines) + "\n" + toctree(*texts, hidden=True)

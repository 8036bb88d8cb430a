"""Docstrings as Markdown: plain text in which only double backticks, examples and aligned columns mean something."""

from __future__ import annotations

import inspect
import re

from generate.pages import code

_COLUMNS = re.compile(r"^\S[^\n]{0,20}?\s{2,}\S")


def inline(text: str) -> str:
    """Plain text in Markdown: what stands in double backticks is code, and no other sign means anything."""
    pieces = text.split("``")
    for i in range(0, len(pieces), 2):
        for sign in "\\*_<[|$":
            pieces[i] = pieces[i].replace(sign, "\\" + sign)
    return "``".join(pieces)


def docstring(text: str | None, examples: bool = True) -> str:
    """The paragraphs of a docstring; ``examples``: with its examples, which doctest has run."""
    found = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text or "")):
        if paragraph.lstrip().startswith(">>>"):
            if examples:
                found.append(code(inspect.cleandoc(paragraph), "pycon"))
        elif paragraph.startswith("    ") or _COLUMNS.match(paragraph):
            found.append(code(inspect.cleandoc(paragraph), "text"))
        else:
            found.append(inline(paragraph) + "\n")
    return "\n".join(found)

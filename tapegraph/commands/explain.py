"""``tapegraph explain``: what an error or a notice means, with a program that provokes it and the program put right."""

from __future__ import annotations

import argparse

from tapegraph.commands import output
from tapegraph.commands.options import offer

DESCRIPTION = (
    "Explain an error, a notice or a subject by name: what it means, a program that provokes it, and the program put right. "
    "Without a name, list them."
)
EXAMPLES = (
    ("tapegraph explain ShapeError", "one page, as the documentation has it"),
    ("tapegraph explain", "all names, each with what it is about"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    names = parser.add_argument(
        "name", nargs="?", metavar="NAME", help="of an error, such as ShapeError; without it: a list"
    )
    offer(names, _names)
    output.add(parser)


def _names() -> list[str]:
    from tapegraph.explained import pages

    return list(pages())


def run(options: argparse.Namespace) -> int:
    """Print the page or the list; 0."""
    from tapegraph.explained import find, near, pages

    if options.name is not None and find(options.name) is None:
        like = near(options.name)
        options.parser.error(
            f"there is no page on {options.name!r}; "
            + (f"there is {', '.join(like)}" if like else "tapegraph explain lists them")
        )
    with output.Output(options) as out:
        if options.name is None:
            wide = max(map(len, pages()))
            for name, page in pages().items():
                out.show(f"{name:<{wide}}  {page.summary}", markup=False, soft_wrap=not out.page.is_terminal)
            out.deliver({"pages": [{"name": name, "summary": page.summary} for name, page in pages().items()]})
            return 0
        page = find(options.name)
        assert page is not None
        if out.page.is_terminal:
            from rich.markdown import Markdown

            out.show(Markdown(page.text, code_theme="ansi_dark"))
        else:
            out.show(page.text, markup=False, soft_wrap=True)
        out.deliver({"name": page.name, "title": page.title, "summary": page.summary, "text": page.text})
    return 0

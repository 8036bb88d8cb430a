"""``tapegraph ops``: what the op library holds, or all that it knows of one function."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tapegraph.commands import output
from tapegraph.commands.front import nearest

if TYPE_CHECKING:
    from tapegraph.opcard import Card

DESCRIPTION = (
    "Show all that the op library knows of a function: signature, dtypes, domain, gradient, native code, ONNX name and where "
    "it is defined. Of several names, or a part of a name, and without one, list the functions."
)
EXAMPLES = (
    ("tapegraph ops softmax", "one function in full"),
    ("tapegraph ops norm loss", "all with norm or loss in their name"),
    ("tapegraph ops --markdown", "the whole library, as a Markdown table"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a function, or a part of names").words = _names  # type: ignore[attr-defined]
    parser.add_argument("--hidden", action="store_true", help="list the primitives behind other functions too")
    parser.add_argument("--markdown", action="store_true", help="list as a Markdown table")
    output.add(parser)


def _names() -> list[str]:
    from tapegraph.optable import rows

    return [row.name for row in rows()]


def run(options: argparse.Namespace) -> int:
    """Print it; 0."""
    from tapegraph.opcard import card
    from tapegraph.optable import markdown, rows

    names = [name.removeprefix("tg.") for name in options.names]
    table = rows(options.hidden)
    chosen = [r for r in table if not names or any(n in r.name for n in names)]
    one = card(names[0]) if len(names) == 1 and not options.markdown else None
    if not chosen and one is None:
        hint = nearest(names[0], [r.name for r in table]) if len(names) == 1 else ""
        options.parser.error(f"no op has a name like {', '.join(map(repr, names))}{hint}")
    with output.Output(options) as out:
        if one is not None:
            _show(out, one, [r.name for r in chosen if r.name != one.row.name])
            facts = dict(one.facts)
            out.deliver({"ops": [{**vars(one.row), "signature": one.signature, "doc": one.text, "facts": facts}]})
            return 0
        if options.markdown:
            out.show(markdown(chosen), end="", markup=False, soft_wrap=True)
        else:
            wide = max(len(r.name) for r in chosen)
            for row in chosen:
                cut = out.page.width - wide - 2 if out.page.is_terminal else None
                out.show(f"{row.name:<{wide}}  {row.text[:cut]}", markup=False, soft_wrap=True)
            if not names and not out.json:
                out.note(f"{len(chosen)} functions; tapegraph ops NAME shows one in full")
        out.deliver({"ops": [vars(row) for row in chosen]})
    return 0


def _show(out: output.Output, one: Card, others: list[str]) -> None:
    out.show(one.signature, style="bold", markup=False, soft_wrap=True)
    out.show(f"\n{one.text}\n", markup=False)
    wide = max(len(name) for name, _ in one.facts)
    for name, text in one.facts:
        first, *rest = text.split("\n")
        out.show(f"{name:<{wide}}  {first}", markup=False, soft_wrap=True)
        for line in rest:
            out.show(f"{'':<{wide}}    {line}", markup=False, soft_wrap=True)
    if others:
        out.show(f"{'see also':<{wide}}  {', '.join(others[:8])}{', ...' * (len(others) > 8)}", markup=False)

"""``tapegraph ops``: what the op library holds."""

from __future__ import annotations

import argparse

from tapegraph.commands import output

SUMMARY = "list the op library: where each op is defined, differentiated and compiled"
DESCRIPTION = "List every function of the op library with what its record holds."
EXAMPLES = (
    ("tapegraph ops softmax", "ops whose name contains softmax"),
    ("tapegraph ops --markdown", "all, as Markdown"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="only names that contain one of these")
    parser.add_argument("--hidden", action="store_true", help="also the primitives that only other functions use")
    parser.add_argument("--markdown", action="store_true", help="as a Markdown table")
    output.add(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table; 0."""
    from tapegraph.optable import HEADER, markdown, rows

    chosen = [r for r in rows(options.hidden) if not options.names or any(n in r.name for n in options.names)]
    if not chosen:
        options.parser.error(f"no op has a name like {', '.join(options.names)}")
    with output.Output(options) as out:
        if options.markdown or not out.page.is_terminal:
            out.show(markdown(chosen), end="", markup=False, soft_wrap=True)
        else:
            from rich.table import Table

            table = Table(*HEADER, title=f"{len(chosen)} functions", title_justify="left")
            for row in chosen:
                table.add_row(*row.cells())
            out.show(table)
        out.deliver({"ops": [vars(row) for row in chosen]})
    return 0

"""``tapegraph info``: what is installed and what it runs on."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import Any

from tapegraph.commands import output

DESCRIPTION = (
    "Show what a report of a problem, or of a measurement, should say: versions, processor, threads, BLAS libraries, memory, "
    "the cache of compiled kernels, which peers and extras are installed, and the environment variables that count."
)
EXAMPLES = (
    ("tapegraph info", "to read, or to paste into a report"),
    ("tapegraph info --json", "for another program"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    output.add(parser)


def run(options: argparse.Namespace) -> int:
    """Print it; 0."""
    from tapegraph.inventory import inventory

    found = inventory()
    with output.Output(options) as out:
        for title, rows in _sections(found):
            if not out.json:
                _show(out, title, list(rows))
        out.deliver(found)
    return 0


def _show(out: output.Output, title: str, rows: list[tuple[str, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    out.show(title, style="bold")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=22, style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(f"  {name}", Text(value))
    out.show(table)


def _sections(found: dict[str, Any]) -> Iterator[tuple[str, Iterable[tuple[str, str]]]]:
    from tapegraph.comparison.units import size
    from tapegraph.inventory import FEATURES, OTHERS, VARIABLES

    python, cpu, memory, cache = found["python"], found["processor"], found["memory"], found["cache"]
    yield (
        f"tapegraph {found['tapegraph']}",
        [
            ("installed in", found["place"]),
            ("Python", f"{python['version']} ({python['implementation']}), {python['executable']}"),
            ("needs", _versions(found["packages"])),
            ("peers", _versions(found["peers"])),
        ],
    )
    features = [name for name in FEATURES if name in cpu["features"]]
    cores = f"{cpu['cores']}, {cpu['usable']} of them for this process" + (
        f", time of {cpu['quota']:g}" if cpu["quota"] else ""
    )
    room = [f"{size(memory[key])} {word}" for key, word in (("total", "in all"), ("available", "free")) if memory[key]]
    yield (
        "machine",
        [
            ("system", found["system"]),
            ("processor", f"{cpu['model']} (LLVM: {cpu['llvm']}), vectors of {cpu['vector_bits']} bits"),
            ("features", ", ".join(features) or "none that matter here"),
            ("cores", cores),
            ("load", "unknown" if cpu["load"] is None else f"{cpu['load']:.2f}"),
            ("memory", ", ".join(room) + (f", limited to {size(memory['limit'])}" if memory["limit"] else "")),
        ],
    )
    blas, threads = found["blas"], found["threads"]
    yield (
        "computing",
        [
            ("eager mode", f"{blas['numpy'] or 'a BLAS that does not say what it is'} (NumPy's)"),
            ("  its threads", _number(threads["NumPy's BLAS"])),
            (
                "static mode",
                f"{blas['scipy'] or 'a BLAS that does not say what it is'} (SciPy's), one thread a product",
            ),
            ("  its threads", _number(threads["compiled functions"])),
            ("cache", cache["path"] + ("" if cache["writable"] else " (CANNOT BE WRITTEN)")),
            ("  holds", f"{cache['kernels']:,} kernels, {size(cache['bytes'])}"),
        ],
    )
    yield "extras, pip install 'tapegraph[NAME]'", ((name, _versions(has)) for name, has in found["extras"].items())
    told = VARIABLES | OTHERS
    yield (
        "environment",
        ((name, value or f"not set ({told[name]})") for name, value in found["environment"].items()),
    )


def _versions(found: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or '(not installed)'}" for name, version in found.items())


def _number(count: int | None) -> str:
    return "unknown" if count is None else str(count)

"""``tapegraph cache``: what is kept of compiled kernels, where, and getting rid of it."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tapegraph.commands import output
from tapegraph.commands.options import whole

if TYPE_CHECKING:
    from compiler.shelf import Item

DESCRIPTION = (
    "Compiled kernels are kept on disk, so that a program that runs again starts quickly. ls lists them, the newest first: "
    "what each computes, its size and age, and whether this Python, numba and CPU can use it. clear deletes them: it asks "
    "first, other programs may be running, and what else lies in the folder stays. path prints the folder, which "
    "TAPEGRAPH_CACHE_DIR chooses."
)
EXAMPLES = (
    ("tapegraph cache", "the newest kernels, and how much there is in all"),
    ("tapegraph cache clear --older-than 30d --yes", "delete what is older than 30 days, without asking"),
    ("du -sh $(tapegraph cache path)", "the folder, for another program"),
)
ACTIONS = ("ls", "clear", "path")
UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
NAMES = {"m": "min", "h": "h", "d": "days", "w": "weeks"}


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="ls", help="ls, clear or path (default: ls)")
    parser.add_argument("--limit", type=whole(0), default=20, metavar="N", help="of ls: lines (default: 20, 0 for all)")
    parser.add_argument("--older-than", type=_age, metavar="AGE", help="of ls and clear: only these; 90m, 12h, 30d, 2w")
    parser.add_argument("--yes", action="store_true", help="of clear: without asking")
    output.add(parser)


def _age(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be a number with m, h, d or w behind it, such as 30d, not {text!r}")
    return float(found[1]) * UNITS[found[2]]


def run(options: argparse.Namespace) -> int:
    """Do it; 0, or 1 where something could not be deleted or the answer was no."""
    from compiler import cache

    with output.Output(options) as out:
        if options.action == "path":
            out.show(str(cache.directory()), markup=False, soft_wrap=True)
            out.deliver({"path": str(cache.directory())})
            return 0
        return _clear(options, out) if options.action == "clear" else _list(options, out)


def _chosen(options: argparse.Namespace) -> list[Item]:
    from compiler import shelf

    now, least = time.time(), options.older_than or 0.0
    return sorted((i for i in shelf.items() if now - i.made >= least), key=lambda i: -i.made)


def _list(options: argparse.Namespace, out: output.Output) -> int:
    from compiler import cache
    from tapegraph.comparison.units import size

    found = _chosen(options)
    shown = found[: options.limit or None]
    others = sum(not item.usable for item in found)
    if shown and not out.json:
        out.show("\n".join(_lines(shown, out.page.width)), markup=False, soft_wrap=True)
    if len(shown) < len(found):
        out.show(f"... and {len(found) - len(shown):,} older ones (--limit 0 lists all)")
    total = f"{_kernels(len(found))}, {size(sum(item.bytes for item in found))} in {cache.directory()}"
    out.show(total + f"; {others:,} made by other versions or for another CPU" * bool(others), soft_wrap=True)
    out.deliver(
        {
            "path": str(cache.directory()),
            "kernels": len(found),
            "bytes": sum(item.bytes for item in found),
            "now": cache.stamps(),
            "items": [_figures(item) for item in found],
        }
    )
    return 0


def _lines(items: list[Item], width: int) -> Iterator[str]:
    """A row for each; no table of rich, which takes seconds for ten thousands."""
    from tapegraph.comparison.units import size

    made_for = [_made_for(item) for item in items]
    last = max(len("made for"), *map(len, made_for))
    first = min(max(len("computes"), *(len(item.about) for item in items)), max(20, width - 9 - 8 - last - 6))
    yield f"{'computes':<{first}}  {'size':>9}  {'age':>8}  made for"
    now = time.time()
    for item, machine in zip(items, made_for, strict=True):
        about = item.about if len(item.about) <= first else item.about[: first - 1] + "…"
        yield f"{about:<{first}}  {size(item.bytes):>9}  {_told(now - item.made):>8}  {machine}"


def _told(age: float) -> str:
    unit = next(unit for unit in ("w", "d", "h", "m") if age >= 2 * UNITS[unit] or unit == "m")
    return f"{age / UNITS[unit]:.0f} {NAMES[unit]}"


def _made_for(item: Item) -> str:
    from compiler import cache

    if item.usable or not item.stamps:
        return "this machine" if item.usable else "?"
    now = cache.stamps()
    apart = [f"{name} {item.stamps.get(name)}" for name in now if name != "environment"]
    return ", ".join(text for text in apart if text not in [f"{n} {v}" for n, v in now.items()]) or "another compiler"


def _figures(item: Item) -> dict[str, Any]:
    return {
        "file": str(item.path),
        "computes": item.about,
        "bytes": item.bytes,
        "made": item.made,
        "usable": item.usable,
        "stamps": item.stamps,
        "text": item.text,
    }


def _clear(options: argparse.Namespace, out: output.Output) -> int:
    from compiler import cache, shelf
    from tapegraph.comparison.units import size

    found = _chosen(options)
    what = f"{_kernels(len(found))}, {size(sum(item.bytes for item in found))} in {cache.directory()}"
    if found and not options.yes:
        if not sys.stdin.isatty():
            options.parser.error(f"would delete {what}: say --yes, there is nobody to ask")
        print(f"delete {what}? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            out.note("nothing was deleted")
            return 1
    done = shelf.clear(options.older_than or 0.0)
    out.show(f"deleted {_kernels(done.files)}, {size(done.bytes)}")
    if done.kept:
        out.note(f"tapegraph cache: {_kernels(done.kept)} could not be deleted: {done.reason}")
    out.deliver({"path": str(cache.directory()), "deleted": done.files, "bytes": done.bytes, "kept": done.kept})
    return 1 if done.kept else 0


def _kernels(count: int) -> str:
    return f"{count:,} kernel{'s' * (count != 1)}"

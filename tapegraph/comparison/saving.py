"""A comparison in a file: a page to read or figures to compute with, by the suffix."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ArgumentError
from tapegraph.comparison.figures import Comparison
from tapegraph.written import write, write_text

SUFFIXES = (".html", ".json")


def save(found: Comparison, path: Path) -> Path:
    """Write what the suffix of ``path`` says. Raises ArgumentError for another one, OSError where that fails."""
    if path.suffix == ".json":
        write(path, found.to_json())
    elif path.suffix == ".html":
        from tapegraph.report import page  # jinja2, which is an extra

        write_text(path, page(found))
    else:
        raise ArgumentError(f"cannot write {path.name}", op="save", fix=f"end the name in {' or '.join(SUFFIXES)}")
    return path

"""The front page of the reference."""

from __future__ import annotations

from generate.pages import toctree, write


def pages() -> None:
    """Write ``reference/index.md``."""
    text = """# Reference

Generated when this site is built: from the table of ops, from the rulebooks and from docstrings. What stands here is what the code says.

"""
    write("reference/index.md", text + toctree("ops", "rules", "api", "torch", "commands", depth=2))

"""The Sphinx extension that writes the generated pages before the sources are read."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from generate import (
    access,
    api,
    commands,
    errors,
    followed,
    imports,
    navigation,
    ops,
    pages,
    reference,
    rules,
    running,
    sources,
    spellings,
)


def write_pages(app: Sphinx) -> None:
    """Write everything that is generated, and remove what earlier builds wrote and this one did not."""
    for generator in (ops, rules, api, commands, errors, imports, spellings, reference, followed):
        generator.pages()
    pages.sweep()


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the generators to Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", running.read)
    app.add_role("source", sources.SourceRole())
    app.connect("env-purge-doc", sources.forget)
    app.connect("env-merge-info", sources.merge)
    app.connect("html-page-context", navigation.install, priority=navigation.EARLY)
    app.connect("build-finished", sources.write)
    app.connect("build-finished", access.finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""The tree at the left of every page, resolved once: Sphinx would resolve it for each page anew, which takes longer than all else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

EARLY = 400  # before the theme (500) asks for the tree


def install(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Put in the place of Sphinx's function one that moves the tree of the front page to this page."""
    whole = context.get("toctree")
    if whole is None or page == app.config.root_doc:
        return
    context["toctree"] = lambda **how: _moved(app, page, context["pathto"], whole, how)


def _moved(
    app: Sphinx, page: str, path_to: Callable[[str], str], whole: Callable[..., str], how: dict[str, Any]
) -> str:
    """The tree with addresses as seen from ``page``, whose entry and those above it are marked as current."""
    if how.get("collapse", True):
        return whole(**how)
    key = tuple(sorted(how.items()))
    if key not in _trees:
        _trees[key] = BeautifulSoup(app.builder._get_local_toctree(app.config.root_doc, **how), "html.parser")  # type: ignore[attr-defined]
    tree = copy.copy(_trees[key])
    target = app.builder.get_target_uri(page)
    for link in tree.find_all("a", class_="internal"):
        address = link["href"]
        if address == target:
            link["class"] = [*link["class"], "current"]
            for item in [link, *link.parents]:
                if item.name in ("li", "ul"):
                    item["class"] = [*item.get("class", []), "current"]
        link["href"] = "#" if address == target else path_to(address, 1)  # type: ignore[call-arg]
    return str(tree)


_trees: dict[tuple[Any, ...], BeautifulSoup] = {}

"""Nested lists, tuples and dicts of values: taking them apart into leaves and putting them together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """The leaves of a nested structure in order; dicts by insertion order. None has no leaves."""
    found: list[Any] = []
    _collect(tree, found)
    return found


def _collect(tree: Any, found: list[Any]) -> None:
    if isinstance(tree, list | tuple):
        for part in tree:
            _collect(part, found)
    elif isinstance(tree, dict):
        for part in tree.values():
            _collect(part, found)
    elif tree is not None:
        found.append(tree)


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure with ``function`` applied to each leaf."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_tree(function, part) for part in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(map_tree(function, part) for part in tree)
    if isinstance(tree, dict):
        return {key: map_tree(function, part) for key, part in tree.items()}
    return None if tree is None else function(tree)


def rebuild(tree: Any, new_leaves: Iterable[Any]) -> Any:
    """The same structure with its leaves replaced in order."""
    supply = iter(new_leaves)
    return map_tree(lambda _: next(supply), tree)

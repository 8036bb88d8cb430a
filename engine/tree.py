"""Nested lists, tuples and dicts of values: taking them apart into leaves and putting them together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

# Kinds of objects that hold one leaf: how to look inside, and how to make the same with another leaf inside.
_HOLDERS: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {}
NESTED: set[type] = {list, tuple, dict}  # what ``leaves`` goes into


def register(kind: type, inside: Callable[[Any], Any], put: Callable[[Any, Any], Any]) -> None:
    """Let trees go into objects of exactly this class: ``inside(holder)`` is its leaf, ``put(holder, leaf)`` another."""
    _HOLDERS[kind] = (inside, put)
    NESTED.add(kind)


def held(value: Any) -> Any:
    """The leaf inside an object of a registered class; anything else stands for itself."""
    holder = _HOLDERS.get(type(value))
    return value if holder is None else holder[0](value)


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
        found.append(held(tree))


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure with ``function`` applied to each leaf."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_tree(function, part) for part in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(map_tree(function, part) for part in tree)
    if isinstance(tree, dict):
        return {key: map_tree(function, part) for key, part in tree.items()}
    holder = _HOLDERS.get(type(tree))
    if holder is not None:
        return holder[1](tree, function(holder[0](tree)))
    return None if tree is None else function(tree)


def rebuild(tree: Any, new_leaves: Iterable[Any]) -> Any:
    """The same structure with its leaves replaced in order."""
    supply = iter(new_leaves)
    return map_tree(lambda _: next(supply), tree)

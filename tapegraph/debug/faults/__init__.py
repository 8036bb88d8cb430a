"""Faults to plant in the compiler, each of a kind that compilers have had, so that what finds them can be measured.

A fault changes the text of a kernel or no kernel at all, so that none is ever stored under the name of a right one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from engine.errors import ArgumentError

LAYERS = ("rewrite", "lowering", "kernel", "plan")


@dataclass(frozen=True)
class Fault:
    """``layer``: where it is. ``blamed``: the rule, op or part of the compiler that has it."""

    name: str
    layer: str
    blamed: str
    doc: str
    plant: Callable[[], AbstractContextManager[Any]]


FAULTS: dict[str, Fault] = {}


def fault(layer: str, blamed: str) -> Callable[[Callable[[], Iterator[None]]], Fault]:
    """Register the fault that a generator plants before it yields and takes out afterwards."""

    def register(function: Callable[[], Iterator[None]]) -> Fault:
        name, doc = function.__name__, (function.__doc__ or "").strip()
        found = FAULTS[name] = Fault(name, layer, blamed, doc, contextmanager(function))
        return found

    return register


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give an attribute (an entry, of a dict) another value inside the block."""
    entry = isinstance(owner, dict)
    before = owner[name] if entry else getattr(owner, name)
    put = owner.__setitem__ if entry else lambda name, value: object.__setattr__(owner, name, value)
    if isinstance(owner, type) or hasattr(owner, "__spec__"):
        put = lambda name, value: setattr(owner, name, value)  # noqa: E731
    put(name, value)
    try:
        yield
    finally:
        put(name, before)


@contextmanager
def planted(name: str) -> Iterator[Fault]:
    """Have the compiler make a mistake inside the block; what was compiled before is not touched.

    Raises ArgumentError for a name that is not in ``FAULTS``.
    """
    from tapegraph.debug.faults import kernels, lowerings, plans, rewrites  # noqa: F401 - they register; they load numba

    if name not in FAULTS:
        raise ArgumentError(f"there is no fault {name!r}", op="planted", fix=f"use one of {', '.join(FAULTS)}")
    with FAULTS[name].plant():
        yield FAULTS[name]

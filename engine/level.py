"""How closely programs are watched: off, default (findings are warnings) or checked (findings are errors)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from engine.environment import chosen
from engine.errors import ArgumentError

LEVELS = ("off", "default", "checked")
_here: ContextVar[str | None] = ContextVar("debug_level", default=None)
_numbers: ContextVar[str | None] = ContextVar("numbers_level", default=None)
_everywhere = "default"


def current() -> str:
    """The level in force here: "off", "default" or "checked"."""
    return _here.get() or _everywhere


def numbers() -> str:
    """How closely the birth of non-finite values is watched here: the level in force, or "checked" inside ``trapping``."""
    return _numbers.get() or _everywhere


def set_level(name: str) -> None:
    """Watch programs this closely, in every thread, wherever no ``level`` block says otherwise.

    "off": no search for mistakes beyond those that cannot be computed on. "default": what costs next to nothing; a finding is
    a warning at the user's line. "checked": the same and what costs some time; a finding is an error. No level changes a
    result. The environment variable TAPEGRAPH_DEBUG sets it at the start. Raises ArgumentError for another name.
    """
    global _everywhere
    _everywhere = _known(name)


@contextmanager
def level(name: str) -> Iterator[None]:
    """Watch programs this closely inside the block; see ``set_level``."""
    token = _here.set(_known(name))
    try:
        with _watching_numbers(name):
            yield
    finally:
        _here.reset(token)


@contextmanager
def trapping() -> Iterator[None]:
    """Have the birth of a non-finite value be an error inside the block, whatever the level."""
    with _watching_numbers("checked"):
        yield


@contextmanager
def _watching_numbers(name: str) -> Iterator[None]:
    token = _numbers.set(name)
    try:
        yield
    finally:
        _numbers.reset(token)


def _known(name: str) -> str:
    if name not in LEVELS:
        raise ArgumentError(f"there is no level {name!r}", op="debug.level", fix=f"use one of {', '.join(LEVELS)}")
    return name


set_level(chosen("TAPEGRAPH_DEBUG", "default", LEVELS))

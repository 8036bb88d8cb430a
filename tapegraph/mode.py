"""Switching modes: which interpreter gives ops their meaning, and what a ``tg.function`` does when it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from engine import dispatch
from engine.errors import ArgumentError

_mode: ContextVar[str] = ContextVar("mode", default="eager")


def current_mode() -> str:
    """ "eager" or "static": how a ``tg.function`` called here runs; "inline": as a part of the one that calls it."""
    return _mode.get()


@contextmanager
def mode(name: str) -> Iterator[None]:
    """Run functions decorated with ``tg.function`` in this mode inside the block.

    ``name``: "eager" (line by line) or "static" (traced once, compiled, called). Code outside decorated functions
    computes at once in both. Raises ArgumentError for another name.

    >>> with tg.mode("static"):
    ...     tg.current_mode()
    'static'
    """
    if name not in ("eager", "static", "inline"):
        raise ArgumentError(f"there is no mode {name!r}", op="mode", fix='use "eager" or "static"')
    token = _mode.set(name)
    try:
        yield
    finally:
        _mode.reset(token)


@contextmanager
def eager() -> Iterator[None]:
    """Run decorated functions line by line inside the block; the same as ``mode("eager")``."""
    with mode("eager"):
        yield


@contextmanager
def no_grad() -> Iterator[None]:
    """Record no gradients inside the block."""
    with dispatch.interpret(dispatch.current().with_grad(False)):
        yield


@contextmanager
def enable_grad() -> Iterator[None]:
    """Record gradients inside the block, also within ``no_grad``."""
    with dispatch.interpret(dispatch.current().with_grad(True)):
        yield

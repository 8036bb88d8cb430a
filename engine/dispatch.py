"""The current interpreter: a mode is the object that gives an op its meaning, and this is where it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from engine.op import Op
    from engine.record import Record
    from engine.state import State


class Interpreter(Protocol):
    """What a mode must be able to do; the whole contract between the op library and a mode."""

    name: str
    grad_enabled: bool

    def with_grad(self, enabled: bool) -> Interpreter:
        """The same mode with or without recording what gradients need."""

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """The handle of ``op`` applied to handles and Python scalars."""

    def handle(self, arg: Any) -> Any:
        """The handle of a record, for gradient rules; scalars and arrays stand for themselves."""

    def record(self, handle: Any) -> Record | None:
        """The record behind a handle if gradients flow through it, else None."""

    def owner(self, record: Record) -> Any:
        """The handle whose ``.grad`` a leaf's gradient belongs to, or None."""

    def asarray(self, value: Any, dtype: Any) -> Any:
        """A handle of outside data."""

    def read(self, state: State) -> Any:
        """What ``state`` holds now, as an immutable handle."""

    def assign(self, state: State, value: Any) -> None:
        """Make ``state`` hold ``value`` from here on."""

    def get_grad(self, leaf: Any) -> Any:
        """The gradient accumulated on a leaf, or None."""

    def set_grad(self, leaf: Any, value: Any) -> None:
        """Replace the gradient accumulated on a leaf."""

    def leaf(self, handle: Any) -> Any:
        """A fresh handle equal to ``handle`` that gradients are taken with respect to."""

    def detach(self, handle: Any) -> Any:
        """The same value, cut from the tape."""

    def body(self, function: Any, specs: Any, tracked: Any) -> Any:
        """``function`` as a subprogram (``engine.control.body.Traced``); None in a mode that runs functions directly."""


_current: ContextVar[Interpreter] = ContextVar("interpreter")
current = _current.get  # call it as ``dispatch.current()``: ``install_default`` replaces it


def install_default(interpreter: Interpreter) -> None:
    """Make ``interpreter`` the one in force wherever no mode has been entered, in every thread.

    Done once, by the public package. Only the default of a context variable is seen by threads started later, and a
    default is fixed when the variable is made; hence a new variable.
    """
    global _current, current
    _current = ContextVar("interpreter", default=interpreter)
    current = _current.get


@contextmanager
def interpret(by: Interpreter) -> Iterator[Interpreter]:
    """Give ops the meaning of another interpreter inside the block."""
    token = _current.set(by)
    try:
        yield by
    finally:
        _current.reset(token)

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

    def fits(self, handle: Any, record: Record) -> bool:
        """Whether a handle has the shape and dtype of a record."""

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

    def grad_note(self, leaf: State) -> Any:
        """What was noted of the gradient a state has now (``engine.spent``), or None."""

    def note_grad(self, leaf: State, note: Any) -> None:
        """Note something of the gradient a state has now, which is forgotten as soon as it has another."""

    def leaf(self, handle: Any) -> Any:
        """A fresh handle equal to ``handle`` that gradients are taken with respect to."""

    def detach(self, handle: Any) -> Any:
        """The same value, cut from the tape."""

    def body(self, function: Any, specs: Any, tracked: Any) -> Any:
        """``function`` as a subprogram (``engine.control.body.Traced``); None in a mode that runs functions directly."""


_current: ContextVar[Interpreter] = ContextVar("interpreter")
# Call these as ``dispatch.current()`` and so on: ``install_default`` replaces them. A block with ``interpret`` costs
# twice as much as a small op; where that shows, ``token = enter(by)`` and ``leave(token)`` in a ``finally`` do.
current, enter, leave = _current.get, _current.set, _current.reset
default: Interpreter  # the one in force wherever no mode has been entered


def install_default(interpreter: Interpreter) -> None:
    """Make ``interpreter`` the one in force wherever no mode has been entered, in every thread.

    Done once, by the public package. Only the default of a context variable is seen by threads started later, and a
    default is fixed when the variable is made; hence a new variable.
    """
    global current, enter, leave, default
    default = interpreter
    variable = ContextVar("interpreter", default=interpreter)
    current, enter, leave = variable.get, variable.set, variable.reset


@contextmanager
def interpret(by: Interpreter) -> Iterator[Interpreter]:
    """Give ops the meaning of another interpreter inside the block."""
    token = enter(by)
    try:
        yield by
    finally:
        leave(token)

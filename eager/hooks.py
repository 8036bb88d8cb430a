"""Hooks: context managers that watch each eager op before and after it runs, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eager.interpreter import SILENT, Eager
from engine import dispatch, origin
from engine.errors import UnsupportedError
from engine.op import Op
from engine.record import Record

Callback = Callable[["Event"], None]


class Event:
    """One application of an op, or its backward step, as hooks see it.

    op, args, attrs  what is applied, to which handles and Python numbers, with which attributes
    result           the handle it gave; None before it has run, and in the backward step
    record           the tape entry, or None where no gradient flows
    gradient         backward only: the gradient that arrives
    gradients        after the backward step: what goes on to each operand, None where nothing does
    derived          the tape entry that a gradient rule is at work on, None where none is
    origin           the user's frames, after the note "backward of ..." where a gradient rule is at work
    """

    __slots__ = ("__dict__", "args", "attrs", "derived", "gradient", "gradients", "op", "origin", "record", "result")

    def __init__(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any], where: origin.Origin) -> None:
        self.op = op
        self.args = args
        self.attrs = attrs
        self.origin = where
        self.result: Any = None
        self.record: Record | None = None
        self.derived: Record | None = origin.deriving()
        self.gradient: Any = None
        self.gradients: list[Any] = []

    @property
    def place(self) -> origin.Place | None:
        """Where in the user's file the op stands: file, line, columns."""
        frames = origin.user_frames(self.origin)
        return origin.resolve(frames[0]) if frames else None

    def __repr__(self) -> str:
        place = self.place
        return f"<{self.op.name} at {place.address}>" if place else f"<{self.op.name}>"


@dataclass(frozen=True)
class Hook:
    """Five callbacks, each of which may be missing."""

    before: Callback | None = None
    after: Callback | None = None
    before_backward: Callback | None = None
    after_backward: Callback | None = None
    before_call: Callable[[Any, Sequence[Any]], None] | None = None


def _call(callbacks: list[Callback], event: Event) -> None:
    # What a callback computes is not watched in its turn, and its own mistakes stand at its own lines.
    with dispatch.interpret(SILENT), origin.inherit(()):
        for callback in callbacks:
            callback(event)


class Observed(Eager):
    """Eager mode with hooks; plain eager mode pays nothing for them."""

    def __init__(self, hooks: tuple[Hook, ...], grad_enabled: bool = True) -> None:
        super().__init__(grad_enabled)
        self.hooks = hooks
        self._before = [h.before for h in hooks if h.before]
        self._after = [h.after for h in reversed(hooks) if h.after]
        self._before_backward = [h.before_backward for h in hooks if h.before_backward]
        self._after_backward = [h.after_backward for h in reversed(hooks) if h.after_backward]
        self.before_call = [h.before_call for h in hooks if h.before_call]

    def with_grad(self, enabled: bool) -> Observed:
        """The same hooks with or without the tape."""
        return Observed(self.hooks, enabled)

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        event = Event(op, args, attrs, origin.capture(skip=2))
        if self._before:
            _call(self._before, event)
        result = event.result = super().apply(op, args, attrs)
        event.record = None if op.many else result._record
        if self._after:
            _call(self._after, event)
        return result

    def observing(self, parts: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """The backward step of one record with the hooks around it; the reverse pass asks for it."""

        def step(record: Record, g: Any, needed: set[Record], by: Any) -> list[Any]:
            event = Event(record.op, tuple(by.handle(a) for a in record.args), record.attrs, origin.inherited())
            event.record, event.gradient = record, g
            if self._before_backward:
                _call(self._before_backward, event)
            event.gradients = parts(record, g, needed, by)
            if self._after_backward:
                _call(self._after_backward, event)
            return event.gradients

        return step


@contextmanager
def hooks(
    before: Callback | None = None,
    after: Callback | None = None,
    before_backward: Callback | None = None,
    after_backward: Callback | None = None,
    before_call: Callable[[Any, Sequence[Any]], None] | None = None,
) -> Iterator[None]:
    """Call these with an ``Event`` around each op, and around the backward step of each op, inside the block.

    Blocks nest: the outer hooks run first before an op and last after it. Only this thread is watched. Ops of gradient
    rules are ops too; their events carry the line of the forward expression. ``before_call``: called with a compiled
    program and the arrays of a call that is about to be made. Raises UnsupportedError inside a trace.
    """
    current = dispatch.current()
    if not isinstance(current, Eager):
        raise UnsupportedError(
            "hooks watch values, and a trace has none", op="hooks", fix='run the function inside tg.mode("eager")'
        )
    others = current.hooks if isinstance(current, Observed) else ()
    hook = Hook(before, after, before_backward, after_backward, before_call)
    with dispatch.interpret(Observed((*others, hook), current.grad_enabled)):
        yield

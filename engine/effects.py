"""Effects: what a program does besides computing (printing, watching, stopping), in the program's order in both modes.

In a graph an effect is a node that counts the effects before it: it takes the count from a state and leaves it one higher
there. So none is dropped, merged, repeated or moved past another, in branches and loops as elsewhere.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from types import CodeType, FrameType
from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.lowering import Outward, Scalar
from engine.op import Op, Sample, Trait, apply, as_handle
from engine.spec import DType, Spec
from engine.state import State
from engine.vmap import Vmap

Action = Callable[..., None]  # takes arrays, which are valid while it runs only

ORDER = State(np.zeros((), np.int64), name="effects")
_again: ContextVar[bool] = ContextVar("computed again", default=False)


class _Here(threading.local):
    """Of this thread. ``done``: effects since the call began. ``skip``: how many to leave out first, -1 for all.

    ``call``: the number of the call of a compiled program that has effects, 0 outside of one.
    ``raised``: what an effect raised inside native code.
    """

    done = 0
    skip = 0
    call = 0
    raised: BaseException | None = None


HERE = _Here()


new_call: Callable[[], int] = count(1).__next__


@contextmanager
def call() -> Iterator[None]:
    """A call of a compiled program that has effects; the count of those around it goes on afterwards."""
    outer = HERE.done, HERE.call
    HERE.done, HERE.call = 0, HERE.call or new_call()
    try:
        yield
    finally:
        HERE.done, HERE.call = outer


# Functions that run line by line take the number of each call and keep it in a variable of their frame: whoever wants it
# looks for the frame, so that a call costs 50 ns more and not 1.5 µs.
LINE_BY_LINE: dict[CodeType, str] = {}


def call_at_hand() -> int | None:
    """The number of the outermost call of a function that runs here; None outside of all."""
    if HERE.call:
        return HERE.call
    found = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        variable = LINE_BY_LINE.get(frame.f_code)
        if variable is not None:
            found = frame.f_locals.get(variable, found)
        frame = frame.f_back
    return found


@contextmanager
def left_out(first: int = -1) -> Iterator[None]:
    """Leave out the first so many effects inside the block, by default all: the program has had them."""
    outer, HERE.skip = HERE.skip, first
    try:
        yield
    finally:
        HERE.skip = outer


@contextmanager
def computed_again() -> Iterator[None]:
    """What is traced or run inside the block has been run before, with its effects: now it has none."""
    token = _again.set(True)
    try:
        yield
    finally:
        _again.reset(token)


def do(action: Action, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """Do an effect now, unless it is to be left out."""
    if HERE.skip:
        HERE.skip -= HERE.skip > 0
        return
    HERE.done += 1
    action(*arrays)


def perform(action: Action, values: Sequence[Any]) -> None:
    """Do ``action(*arrays)`` with the values of these handles or arrays at this point of the program: now, or whenever it runs.

    Inside vmap it is done once, with whole batches: their first axis is the batch.
    """
    interpreter: Any = dispatch.current()
    if _again.get():
        return
    values = [as_handle(v) for v in values]
    if isinstance(interpreter, Vmap):
        whole = [v.whole if interpreter.mine(v) else v for v in values]
        with dispatch.interpret(interpreter.base):
            perform(action, whole)
    elif interpreter.name == "eager":
        do(action, [v.numpy() for v in values])
    else:
        ORDER.assign(apply(_effect, ORDER.value, *values, action=action))


def _kernel(count: Any, *arrays: Any, action: Action) -> Any:
    do(action, arrays)
    return count + 1


def _nothing(*arrays: Any) -> None:
    """The action of samples."""


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.int64(0), rng.uniform(0, 3, (2, 3)).astype(dtype)), {"action": _nothing})]


def _passed_on(g: Any, y: Any, x: Any, action: Action) -> Any:
    perform(action, [g])
    return g


_effect = Op(
    "effect",
    _kernel,
    lambda count, *values, action: Spec((), dtypes.int64),
    lower=Outward(),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    hidden=True,
    samples=_samples,
    doc="One more than a count, having done something with the other operands.",
)
seen_back = Op(
    "seen_back",
    lambda x, action: x,
    lambda x, action: Spec(x.shape, x.dtype),
    vjp=(_passed_on,),
    jvp=lambda ts, y, x, action: ts[0],
    lower=Scalar("{0}"),
    batch="shift",
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    order=1,
    traits=[Trait.ELEMENTWISE],
    hidden=True,
    samples=lambda rng, dtype: [Sample((rng.uniform(0, 3, (2, 3)).astype(dtype),), {"action": _nothing})],
    doc="x itself; an action is done with the gradient that comes back.",
)

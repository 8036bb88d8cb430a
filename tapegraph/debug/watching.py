"""watch: a value, and the gradient that comes back to it, shown and remembered whenever the program computes it."""

from __future__ import annotations

import builtins
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from engine import origin, source, tree
from engine.effects import call_at_hand, perform, seen_back
from engine.errors import ArgumentError
from engine.op import apply, as_handle
from tapegraph.debug.conditions import Condition, condition
from tapegraph.debug.summary import address, summary

Array = np.ndarray[Any, Any]

REMEMBERED = 1000  # entries of a label
BYTES = 64 << 20  # that the arrays of a label take together


class Seen(NamedTuple):
    """A watched value: in which call of the watch's program, at which step within the call (in a loop), and a copy."""

    call: int
    step: int
    array: Array


@dataclass
class Watch:
    """What one label has seen; ``where``: the lines it stands at.

    A call is one of the function around the watch; outside of one, each time is a call.
    """

    label: str
    entries: deque[Seen] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    call: int = -1
    step: int = 0
    held: int = 0
    current: Any = None

    def count(self) -> tuple[int, int]:
        """One more time: the numbers of the call and of the step in it."""
        now = call_at_hand() or object()
        if now == self.current:
            self.step += 1
        else:
            self.call, self.step, self.current = self.call + 1, 0, now
        return self.call, self.step

    def remember(self, seen: Seen) -> None:
        """Keep it; the oldest give way."""
        if len(self.entries) == REMEMBERED:
            self.held -= self.entries.popleft().array.nbytes
        self.entries.append(seen)
        self.held += seen.array.nbytes
        while self.held > BYTES and len(self.entries) > 1:
            self.held -= self.entries.popleft().array.nbytes


_watches: dict[str, Watch] = {}
_lock = threading.Lock()


def watch(
    value: Any,
    label: str | None = None,
    *,
    every: int = 1,
    when: str | Callable[[Array], Any] | None = None,
    grad: bool = False,
    print: bool = True,
    file: Any = None,
) -> Any:
    """``value`` itself, which is shown in one line and remembered whenever the program computes it, in both modes.

    Stands inside an expression: ``loss = watch(model(x), "out").mean()``. ``label``: by default the expression itself.
    ``every``: only in each so many-th call. ``when``: only where it holds: "nan", "nonfinite", "norm > 10", or a function of
    the array. ``grad``: also the gradient that arrives here in the backward pass, as "grad of label". ``print=False``:
    only remember, for ``watched(label)``. Values of nested lists, tuples and dicts are watched one by one.
    Raises ArgumentError for an ``every`` below 1 and for words that are no condition.
    """
    if every < 1:
        raise ArgumentError(f"every is {every}", op="watch", fix="give the number of calls from one look to the next")
    where = origin.capture(skip=2)
    wanted = condition(when, "watch")
    name = label or _written(where) or "value"
    leaves = tree.leaves([value])
    names = [name] if len(leaves) == 1 else [f"{name}[{i}]" for i in range(len(leaves))]

    def watched_one(leaf: Any, name: str) -> Any:
        handle = as_handle(tree.held(leaf))
        perform(_Look(name, every, wanted, where, print, file), [handle])
        if not grad or handle.dtype.kind != "f":
            return leaf
        return apply(seen_back, handle, action=_Look(f"grad of {name}", every, wanted, where, print, file))

    return tree.rebuild([value], map(watched_one, leaves, names))[0]


class _Look:
    """The action of a watch."""

    def __init__(
        self, label: str, every: int, wanted: Condition | None, where: origin.Origin, show: bool, file: Any
    ) -> None:
        self.label, self.every, self.wanted, self.where, self.show, self.file = label, every, wanted, where, show, file

    def __call__(self, array: Array) -> None:
        with _lock:
            watch = _watches.setdefault(self.label, Watch(self.label))
            call, step = watch.count()
        if call % self.every or (self.wanted is not None and not self.wanted(array)):
            return
        with _lock:
            watch.remember(Seen(call, step, array.copy()))
        if self.show:
            number = f"{call}.{step}" if step else str(call)
            builtins.print(f"[{number}] {address(self.where)}  {self.label}  {summary(array)}", file=self.file)


def watched(label: str | None = None) -> Any:
    """What was watched under a label: a list of (call, step, array), the oldest first; without a label, all of it by label.

    The last 1000 looks of a label are kept, and 64 MiB. Raises ArgumentError for a label that nothing was watched under.
    """
    if label is None:
        return {name: list(w.entries) for name, w in _watches.items()}
    if label not in _watches:
        raise ArgumentError(
            f"nothing was watched under {label!r}",
            op="watched",
            fix=f"labels are {', '.join(map(repr, _watches)) or 'none yet'}",
        )
    return list(_watches[label].entries)


def forget() -> None:
    """Forget all that was watched; calls are counted from 0 again."""
    with _lock:
        _watches.clear()


def _written(where: origin.Origin) -> str:
    """The expression given to watch, as it stands in the user's file."""
    frames = origin.user_frames(where)
    if not frames:
        return ""
    place = origin.resolve(frames[0])
    found: Sequence[str] | None = source.operands(place, "watch", 1)
    return found[0] if found else ""

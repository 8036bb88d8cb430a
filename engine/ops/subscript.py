"""An index taken apart: a regular part of each axis, the axes that integers drop, and the arrays of places."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import values_of
from engine.errors import ArgumentError, DTypeError, IndexRangeError
from engine.handle import Handle
from engine.op import as_handle
from engine.ops.shape import broadcast_to
from engine.sizes import Dim, Size, agree, larger, same, show_shape
from engine.spec import broadcast

_INSTEAD = "use where(mask, x, other), a sum of where(mask, x, 0), or weights; tg.eager() runs a function op by op"


def entries_of(x: Any, index: Any) -> list[Any]:
    """The entries of an index, one ellipsis among them, arrays as handles."""
    entries = [_entry(e) for e in (index if isinstance(index, tuple) else (index,))]
    used = sum(axes_of(e) for e in entries)
    if used > x.ndim:
        raise IndexRangeError(f"{used} indices for {x.ndim} axes", op="getitem", operands=(x,))
    dots = sum(e is Ellipsis for e in entries)
    if dots > 1:
        raise ArgumentError("an index may have one ellipsis", op="getitem", operands=(x,))
    return entries if dots else [*entries, Ellipsis]


def _entry(e: Any) -> Any:
    if isinstance(e, list) and not e:
        return dispatch.current().asarray(e, dtypes.DEFAULT_INT)
    if isinstance(e, list | np.ndarray | np.bool_):
        return as_handle(e)
    return e


def is_mask(e: Any) -> bool:
    """Whether an entry of an index is a boolean mask, be it of no axes."""
    return e.dtype == dtypes.bool_ if isinstance(e, Handle) else isinstance(e, bool)


def axes_of(e: Any) -> int:
    """How many axes an entry takes the place of."""
    if e is None or e is Ellipsis or isinstance(e, bool):
        return 0
    return e.ndim if isinstance(e, Handle) and e.dtype == dtypes.bool_ else 1


def check_mask(mask: Any, x: Any, axis: int) -> None:
    """Raise IndexRangeError where a mask has not the sizes of the axes it stands for."""
    covered = x.shape[axis : axis + mask.ndim]
    if not all(agree(n, m) for n, m in zip(mask.shape, covered, strict=True)):
        raise IndexRangeError(
            f"a mask of shape {show_shape(mask.shape)} does not cover axes of sizes {show_shape(covered)}",
            op="getitem",
            operands=(x, mask),
            fix="a mask has the sizes of the axes it stands for; give it others with mask[:, None] or broadcast_to",
        )


class Selection:
    """What an index chooses of an array, by NumPy's rules.

    ``starts``, ``sizes``, ``steps``: the regular part of each axis of x. ``shape``: of that part with integers dropped
    and new axes put in. ``arrays``: (axis of ``shape``, integer array). ``adjacent``: whether the arrays, and the
    integers that NumPy counts with them, stand side by side: what they choose then takes their place, else it comes first.
    Raises UnsupportedError for a mask in static mode.
    """

    def __init__(self, x: Any, index: Any) -> None:
        self.starts: list[Size] = []
        self.sizes: list[Size] = []
        self.steps: list[int] = []
        self.shape: list[Size] = []
        self.arrays: list[tuple[int, Any]] = []
        entries = entries_of(x, index)
        rest = x.ndim - sum(map(axes_of, entries))
        chosen = [isinstance(e, Handle | int | np.integer | Dim) for e in entries]
        first = chosen.index(True) if any(chosen) else 0
        last = len(chosen) - chosen[::-1].index(True) if any(chosen) else 0
        self.adjacent = all(chosen[first:last])
        for e in entries:
            if e is Ellipsis:
                for _ in range(rest):
                    self._regular(slice(None), x)
            elif e is None:
                self.shape.append(1)
            elif isinstance(e, bool) or (isinstance(e, Handle) and e.dtype == dtypes.bool_):
                self._mask(e, x)
            elif isinstance(e, Handle):
                self._places(e, x)
            else:
                self._regular(e, x)
        self.whole = all(
            s == 1 and same(a, 0) and same(n, m)
            for s, a, n, m in zip(self.steps, self.starts, self.sizes, x.shape, strict=True)
        )

    def _take(self, start: Size, size: Size, step: int) -> None:
        self.starts.append(start)
        self.sizes.append(size)
        self.steps.append(step)

    def _regular(self, e: Any, x: Any) -> None:
        n = x.shape[len(self.starts)]
        if isinstance(e, slice):
            start, size, step = _range(e, n, x)
            self._take(start, size, step)
            self.shape.append(size)
        elif isinstance(e, int | np.integer | Dim) or hasattr(e, "__index__"):
            self._take(_place(e, n, x), 1, 1)
        else:
            raise ArgumentError(f"cannot index with {e!r}", op="getitem", operands=(x,))

    def _places(self, e: Any, x: Any) -> None:
        if e.dtype not in dtypes.INTEGERS:
            raise DTypeError(f"an index must be of integers, not {e.dtype.name}", op="getitem", operands=(x, e))
        self.arrays.append((len(self.shape), e))
        n = x.shape[len(self.starts)]
        self._take(0, n, 1)
        self.shape.append(n)

    def _mask(self, e: Any, x: Any) -> None:
        if isinstance(e, Handle):
            check_mask(e, x, len(self.starts))
        truth = values_of(e, "getitem", _INSTEAD) if isinstance(e, Handle) else np.asarray(e)
        asarray = dispatch.current().asarray
        if truth.ndim == 0:  # a new axis, of which nothing or the one element is taken
            self.arrays.append((len(self.shape), asarray(np.zeros(int(truth), np.int64), None)))
            self.shape.append(1)
        for places in np.nonzero(truth) if truth.ndim else ():
            self._places(asarray(places, None), x)

    def joined(self) -> tuple[list[Any], list[int]]:
        """The integer arrays broadcast to one shape, and their axes."""
        shape = broadcast(*(a.shape for _, a in self.arrays))
        return [broadcast_to(a, shape) for _, a in self.arrays], [axis for axis, _ in self.arrays]


def _place(i: Any, n: Size, x: Any) -> Size:
    if isinstance(i, Dim):
        return i
    place = int(i)
    if isinstance(n, Dim):
        return place if place >= 0 else n + place  # checked when the call brings the size
    if not -n <= place < n:
        raise IndexRangeError(
            f"an index is out of range: {place}, where the axis has size {n}",
            op="getitem",
            operands=(x,),
            fix=f"indices must lie in [{-n}, {n})",
        )
    return place % n


def _range(s: slice, n: Size, x: Any) -> tuple[Size, Size, int]:
    """Start, number and step of the elements a slice takes, by Python's rule."""
    step = 1 if s.step is None else int(s.step)
    if step == 0:
        raise ArgumentError("a slice cannot have step 0", op="getitem", operands=(x,))
    if s.start is None and (s.stop is None or same(s.stop, n)) and abs(step) == 1 and (step == 1 or s.stop is None):
        return (0, n, 1) if step == 1 else (n - 1, n, -1)
    if isinstance(n, Dim) and step > 0:
        start = 0 if s.start is None else s.start if _forward(s.start) else larger(n + s.start, 0)
        stop = n if s.stop is None else s.stop if isinstance(s.stop, Dim) else _limit(int(s.stop), n)
        return start, larger(stop - start + (step - 1), 0) // step, step
    n = int(n)
    start, stop, step = slice(s.start, s.stop, step).indices(n)
    return start, len(range(start, stop, step)), step


def _forward(bound: Any) -> bool:
    return isinstance(bound, Dim) or int(bound) >= 0


def _limit(stop: int, n: Size) -> Size:
    """Where a slice ends: ``stop`` places from the start, but not beyond the axis, or that many from the end."""
    return n + stop if stop < 0 else n - larger(n - stop, 0)

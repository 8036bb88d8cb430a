"""Windows that slide over the last axes of an array: their arguments in one form, and the sizes that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as every
from typing import Any, NamedTuple

from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.requirements import require
from engine.sizes import Shape, Size, larger, product, show_size

ROUND = 32  # results computed at once by the widest vectors, twice over

Pairs = tuple[tuple[int, int], ...]


def per_axis(value: Any, rank: int, name: str, op: str, least: int = 1) -> tuple[int, ...]:
    """An int of at least ``least`` for each of ``rank`` axes, from one int or a sequence of them."""
    listed = tuple(value) if isinstance(value, tuple | list) else (value,) * rank
    if len(listed) == 1:
        listed *= rank
    if len(listed) != rank or any(isinstance(n, bool) or not hasattr(n, "__index__") or int(n) < least for n in listed):
        count = "an int" if rank == 1 else f"an int or {rank} ints"
        raise ArgumentError(f"{name} must be {count} of at least {least}, not {value!r}", op=op)
    return tuple(int(n) for n in listed)


def pairs(padding: Any, rank: int, op: str) -> Pairs:
    """(before, after) for each axis, from an int, an int for each axis, or such pairs."""
    if isinstance(padding, tuple | list) and len(padding) == rank and all(isinstance(p, tuple | list) for p in padding):
        found = tuple(per_axis(p, 2, "padding", op, least=0) for p in padding)
        return tuple((before, after) for before, after in found)
    return tuple((p, p) for p in per_axis(padding, rank, "padding", op, least=0))


def conv_padding(
    padding: Any, window: Sequence[Size], stride: Sequence[int], dilation: Sequence[int], op: str
) -> Pairs:
    """Like ``pairs``, with the words "valid" (none) and "same" (as many results as elements, the odd one put behind)."""
    if not isinstance(padding, str):
        return pairs(padding, len(window), op)
    if padding == "valid":
        return ((0, 0),) * len(window)
    if padding != "same":
        raise ArgumentError(f"padding must be numbers, 'same' or 'valid', not {padding!r}", op=op)
    if any(s != 1 for s in stride):
        raise ArgumentError("padding='same' needs stride 1", op=op, fix="give the padding as numbers")
    total = [(int(k) - 1) * d for k, d in zip(window, dilation, strict=True)]
    return tuple((t // 2, t - t // 2) for t in total)


def batched(x: Any, rank: int, op: str) -> bool:
    """Whether an input of ``rank`` window axes has a batch axis before its channels; ShapeError if it has neither form."""
    if x.ndim not in (rank + 1, rank + 2):
        axes = ", ".join(
            ["length"] if rank == 1 else ["height", "width"] if rank == 2 else ["depth", "height", "width"]
        )
        raise ShapeError(
            f"takes [batch, channels, {axes}] or [channels, {axes}], not {x.ndim} dimension{'s' * (x.ndim != 1)}",
            op=op,
            operands=(x,),
        )
    return bool(x.ndim == rank + 2)


def same_dtype(op: str, *operands: Any) -> None:
    """Raise DTypeError where operands differ in dtype, or are not floats."""
    first = operands[0]
    if any(x.dtype != first.dtype for x in operands):
        raise DTypeError("the operands must have one dtype", op=op, operands=operands, fix="cast one with astype")


class Slide(NamedTuple):
    """How windows move over axes: ``window`` elements ``dilation`` apart, ``stride`` from one window to the next."""

    window: tuple[Any, ...]
    stride: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]

    def reach(self, axis: int) -> Size:
        """From the first element of a window to its last."""
        window: Size = self.window[axis]
        return (window - 1) * self.dilation[axis]

    def results(self, sizes: Shape) -> Shape:
        """How many windows there are along each axis."""
        return tuple(
            (n + lo + hi - self.reach(i) - 1) // s + 1
            for i, (n, (lo, hi), s) in enumerate(zip(sizes, self.padding, self.stride, strict=True))
        )

    def check(self, sizes: Shape, op: str, x: Any) -> None:
        """Raise ShapeError where a window is longer than its padded axis."""
        for i, (n, (lo, hi)) in enumerate(zip(sizes, self.padding, strict=True)):

            def mistake(i: int = i, n: Size = n, lo: int = lo, hi: int = hi) -> ShapeError:
                pad = f" (with padding {lo} and {hi})" if lo or hi else ""
                return ShapeError(
                    f"a window of {show_size(self.reach(i) + 1)} does not fit into an axis of {show_size(n)}{pad}",
                    op=op,
                    operands=(x,),
                    fix="use a smaller window or dilation, or more padding",
                )

            require(n + lo + hi - self.reach(i), 1, mistake)


class Grid:
    """The planes of a batch laid end to end with zeros between them, so that a tap is one shift of one long row.

    Element (n, i, j) of a channel stands at ``((lead + n) * size_0 + i) * size_1 + j`` of its row. Along an axis of
    stride 1 an element ``e`` places into the window is reached by a shift of ``e - before``: the zeros behind a line
    are also those before the next. Along an axis of stride s the elements are dealt out over s phases, and the shift
    is ``e // s`` within phase ``e % s``. A result of index (n, i, j) stands at the same place of a row without lead.
    """

    def __init__(self, slide: Slide, sizes: Shape, batch: Size) -> None:
        self.slide, self.sizes, self.batch = slide, sizes, batch
        self.results = slide.results(sizes)
        fronts, plane = [], []
        for i, (n, s, (lo, hi)) in enumerate(zip(sizes, slide.stride, slide.padding, strict=True)):
            if s == 1:
                gap = max(lo, hi)
                short = lo + hi - slide.reach(i)  # by how much the results outnumber the elements
                plane.append(n + (max(gap, short) if isinstance(short, int) else gap + lo + hi))
                fronts.append(lo)
            else:
                plane.append((lo + n + hi + s - 1) // s)
                fronts.append(0)
        self.plane, self.fronts = tuple(plane), tuple(fronts)
        self.pitch = tuple(product(plane[i + 1 :]) for i in range(len(plane)))
        self.area = product(plane)
        self.lead = int(any(fronts))
        self.phases = product(slide.stride)
        # One more plane behind: the native loops may run a little over the last result.
        self.images = self.lead + batch + 1
        self.phase = self.images * self.area  # from one phase to the next
        self.depth = self.phases * self.phase  # of a row of the input
        self.total = batch * self.area  # of a row of results
        # The last result stands here; behind it nothing needs computing.
        last = (batch - 1) * self.area + sum(
            ((m - 1) * p for m, p in zip(self.results, self.pitch, strict=True)), start=1
        )
        self.length = self.total - larger(self.total - (last + (ROUND - 1)) // ROUND * ROUND, 0)

    def shift(self, axis: int, tap: int) -> Size:
        """How far along a row the ``tap``-th element of a window lies along one axis."""
        e, s = tap * self.slide.dilation[axis], self.slide.stride[axis]
        return (e // s - self.fronts[axis]) * self.pitch[axis] + (e % s) * self.phase_step(axis)

    def phase_step(self, axis: int) -> Size:
        """From one phase of an axis to its next."""
        return self.phase * product(self.slide.stride[axis + 1 :])

    def shifts(self) -> list[Any]:
        """Where in a row each tap begins, for the first result, in row-major order of the window."""
        return [
            self.lead * self.area + sum(self.shift(i, t) for i, t in enumerate(taps))
            for taps in every(*(range(int(k)) for k in self.slide.window))
        ]

"""Windows that slide over the last axes of an array: their arguments in one form, and the sizes that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.errors import ArgumentError, ShapeError
from engine.requirements import require
from engine.sizes import Shape, Size, show_size

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

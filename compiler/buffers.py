"""Where values live: buffers, and the layouts by which views read them without a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.lowering import Layout, View, contiguous
from engine.record import Record
from engine.sizes import Shape, Size, product, same
from engine.spec import DType


@dataclass(eq=False)
class Buffer:
    """A piece of memory with room for ``size`` elements.

    ``kind``: input, state, grad and captured are the call's; output is handed to the caller; kept stays readable
    between calls; temp shares an arena.
    """

    kind: str
    dtype: DType
    size: Size
    key: Any = None  # which input, state, captured array or output this is

    def __repr__(self) -> str:
        return f"<{self.kind} {self.dtype.name}[{self.size}]>"


@dataclass(frozen=True)
class Place:
    """A value in memory: its buffer and its layout there."""

    buffer: Buffer
    layout: Layout
    shape: Shape

    @property
    def whole(self) -> bool:
        """Whether it is its buffer, row-major from the start."""
        return (
            same(self.layout.offset, 0)
            and dense(self.layout, self.shape)
            and same(self.buffer.size, product(self.shape))
        )


def dense(layout: Layout, shape: Shape) -> bool:
    """Whether the elements lie in row-major order without gaps; axes of size 1 may have any stride."""
    wanted = contiguous(shape).strides
    return all(same(n, 1) or same(s, w) for n, s, w in zip(shape, layout.strides, wanted, strict=True))


def view_of(place: Place, record: Record) -> Place | None:
    """The place of a view of a value, or None where the view's elements do not lie in a regular pattern."""
    lower = record.op.lower
    assert isinstance(lower, View)
    layout = lower.layout(place.layout, place.shape, record.shape, record.attrs)
    return None if layout is None else Place(place.buffer, layout, record.shape)


def views_of(record: Record) -> list[Record]:
    """The views that a record is of its base, the last first."""
    found = []
    while isinstance(record.op.lower, View):
        found.append(record)
        record = record.args[0]
    return found


def base_of(record: Record) -> Record:
    """The value that a chain of views looks at."""
    while isinstance(record.op.lower, View):
        record = record.args[0]
    return record


def new_place(kind: str, dtype: DType, shape: Shape, key: Any = None) -> Place:
    """A fresh buffer for a value, laid out row-major."""
    return Place(Buffer(kind, np.dtype(dtype), product(shape), key), contiguous(shape), shape)

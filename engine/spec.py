"""What is known of a value before it exists: its shape (ints and named dims) and its dtype."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from engine.sizes import Shape, Size, agree, product, same, same_shape, show_size

DType: TypeAlias = np.dtype[Any]


class Incompatible(ValueError):
    """Shapes that do not broadcast; the op turns it into a ShapeError with names and lines."""


def broadcast(*shapes: Shape) -> Shape:
    """The shape that all ``shapes`` broadcast to by NumPy's rule.

    A named size meets 1 as any size does; it meets a number or another name only if the size policy lets it.
    """
    rank = max((len(s) for s in shapes), default=0)
    out: list[Size] = []
    for axis in range(-rank, 0):
        size: Size = 1
        for shape in shapes:
            if len(shape) < -axis:
                continue
            n = shape[axis]
            if same(n, 1):
                continue
            if same(size, 1):
                size = n
            elif agree(size, n) or agree(n, 1):
                continue
            elif agree(size, 1):
                size = n
            else:
                raise Incompatible(f"sizes {show_size(size)} and {show_size(n)} at axis {axis}")
        out.append(size)
    return tuple(out)


class Several(tuple["Spec", ...]):
    """The specs of an op with several results; read as one, its shape and its dtype are tuples of theirs."""

    @property
    def shape(self) -> Any:
        return tuple(s.shape for s in self)

    @property
    def dtype(self) -> Any:
        return tuple(s.dtype for s in self)

    def __repr__(self) -> str:
        return f"({', '.join(map(repr, self))})"


class Spec:
    """Shape and dtype of a value.

    ``shape`` is a tuple of ints and dims; ``dtype`` a NumPy dtype.
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Shape, dtype: DType) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Size:
        return product(self.shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.dtype == other.dtype and same_shape(self.shape, other.shape)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"{self.dtype.name}[{', '.join(show_size(n) for n in self.shape)}]"

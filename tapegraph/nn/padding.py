"""Layers that put elements around the last one, two or three axes of their input."""

from __future__ import annotations

from typing import Any

from engine.errors import ArgumentError
from tapegraph.nn import functional as F
from tapegraph.nn.module import Module


class _Pad(Module):
    """``padding``: one int for all sides, or (before, after) of the last axis, then of the one before it, and so on."""

    rank: int
    mode = "constant"
    value = 0.0

    def __init__(self, padding: Any) -> None:
        super().__init__()
        sides = (padding,) * (2 * self.rank) if isinstance(padding, int) else tuple(padding)
        if len(sides) != 2 * self.rank or not all(hasattr(n, "__index__") for n in sides):
            raise ArgumentError(
                f"padding must be an int or {2 * self.rank} ints, not {padding!r}", op=type(self).__name__
            )
        self.padding = sides

    def forward(self, input: Any) -> Any:
        if input.ndim < self.rank + 1:
            raise ArgumentError(
                f"takes an input of at least {self.rank + 1} axes, not {input.ndim}",
                op=type(self).__name__,
                operands=(input,),
            )
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """The last axis widened by ``value``."""

    rank = 1


class ConstantPad2d(_ConstantPad):
    """The last two axes widened by ``value``."""

    rank = 2


class ConstantPad3d(_ConstantPad):
    """The last three axes widened by ``value``."""

    rank = 3


class ZeroPad1d(_Pad):
    """The last axis widened by zeros."""

    rank = 1


class ZeroPad2d(_Pad):
    """The last two axes widened by zeros."""

    rank = 2


class ZeroPad3d(_Pad):
    """The last three axes widened by zeros."""

    rank = 3


class ReflectionPad1d(_Pad):
    """The last axis widened by the mirror image, without the edge itself."""

    rank = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """The last two axes widened by the mirror image, without the edge itself."""

    rank = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """The last three axes widened by the mirror image, without the edge itself."""

    rank = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """The last axis widened by the last element."""

    rank = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """The last two axes widened by the last element."""

    rank = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """The last three axes widened by the last element."""

    rank = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """The last axis widened by the other end."""

    rank = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """The last two axes widened by the other end."""

    rank = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """The last three axes widened by the other end."""

    rank = 3
    mode = "circular"

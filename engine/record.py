"""An application of an op: a tape entry and a graph node are this same record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

from engine.origin import Origin
from engine.sizes import Shape, same_shape
from engine.spec import DType, Several, Spec

if TYPE_CHECKING:
    from engine.op import Op

next_serial: Callable[[], int] = count().__next__
NO_ATTRS: dict[str, Any] = {}


class Record:
    """What was computed, from what, with which attributes, of which spec, and where in the user's file.

    ``args`` holds records, Python scalars and (on the eager tape) plain arrays that no gradient flows to.
    ``value`` is filled only on the eager tape, and only where a later gradient rule will look at it.
    ``tracked`` says that gradients flow through. Serial numbers grow along every edge. Where the op has several
    results, shape and dtype are tuples of theirs, and each result is a record of its own (``engine.ops.results``).
    ``scope``: in a graph as traced, the records that the user's variables stood for when this one was made;
    ``whole``: the op that it is a part of, and that op's operands, where a graph holds the parts in its stead.
    """

    __slots__ = ("args", "attrs", "dtype", "op", "origin", "scope", "serial", "shape", "tracked", "value", "whole")

    def __init__(
        self,
        op: Op,
        args: tuple[Any, ...],
        attrs: dict[str, Any],
        shape: Shape,
        dtype: DType,
        origin: Origin,
        tracked: bool = True,
        value: Any = None,
    ) -> None:
        self.op = op
        self.args = args
        self.attrs = attrs
        self.shape = shape
        self.dtype = dtype
        self.origin = origin
        self.tracked = tracked
        self.value = value
        self.serial = next_serial()

    @property
    def spec(self) -> Any:
        """A Spec, or where the op has several results, theirs."""
        if self.op.many:
            shapes: Any = self.shape
            dtypes: Any = self.dtype
            return Several(map(Spec, shapes, dtypes))
        return Spec(self.shape, self.dtype)

    @property
    def parents(self) -> list[Record]:
        """The records among the arguments."""
        return [a for a in self.args if type(a) is Record]

    def __repr__(self) -> str:
        return f"%{self.serial} = {self.op.name}: {self.spec}"


def fits(handle: Any, record: Record) -> bool:
    """Whether a handle has the shape and dtype of a record."""
    return same_shape(handle.shape, record.shape) and bool(handle.dtype == record.dtype)


def needed(results: Iterable[Record]) -> list[Record]:
    """The records that ``results`` depend on, themselves included, in dependence order."""
    seen: set[Record] = set(results)
    stack = list(seen)
    while stack:
        for parent in stack.pop().args:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=lambda r: r.serial)

"""Where PyTorch would keep the elements of a tensor: the strides of views, found by the layouts that the engine's views declare.

Whether ``reshape``, ``flatten`` and ``contiguous`` give a view or a copy depends on them, and with it what a write changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eager.tensor import Tensor as Computed
from engine import dispatch
from engine.handle import Handle
from engine.lowering import Layout, contiguous
from engine.lowering import View as Rearranged
from engine.op import Op
from engine.sizes import Shape, same
from engine.spec import DType
from tapegraph.torch.cell import View, of


class Strided(Handle):
    """A value of which only shape and strides are known. ``copied``: its elements are no longer those of the operand."""

    __slots__ = ("_dtype", "_shape", "copied", "layout")

    def __init__(self, shape: Shape, dtype: DType, layout: Layout | None) -> None:
        self._shape = shape
        self._dtype = dtype
        self.copied = layout is None
        self.layout = contiguous(shape) if layout is None else layout

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def dtype(self) -> DType:
        return self._dtype

    def _fresh(self) -> Any:
        return self


class Layouts:
    """The interpreter that follows strides and computes nothing."""

    name = "layouts"
    grad_enabled = False

    def with_grad(self, enabled: bool) -> Layouts:
        """The same."""
        return self

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """The shape and strides of a view; anything else is a new dense value."""
        spec: Any = op.spec(args, attrs)
        source = args[0] if args else None
        if not isinstance(op.lower, Rearranged) or not isinstance(source, Strided):
            return Strided(spec.shape, spec.dtype, None)
        found = Strided(spec.shape, spec.dtype, op.lower.layout(source.layout, source.shape, spec.shape, attrs))
        found.copied = found.copied or source.copied
        return found

    def detach(self, handle: Any) -> Any:
        """The same."""
        return handle

    def asarray(self, value: Any, dtype: Any) -> Any:
        """The shape of outside data."""
        held = value if hasattr(value, "shape") else Computed(None)
        return Strided(tuple(held.shape), held.dtype, None)


_LAYOUTS: Any = Layouts()


def strided(cell: Any) -> Strided:
    """Shape and strides of a tensor."""
    view = cell._view
    parent = view.parent() if isinstance(view, View) else None
    if view is not None and parent is not None and isinstance(view, View):
        base = strided(parent)
        with dispatch.interpret(_LAYOUTS):
            found: Strided = view.get(base)
        found.copied = False
        return found
    held: Any = of(cell)
    if type(held) is Computed and held._value is not None:
        value = held._value
        steps = cell.__dict__.get("_strides", value.strides)
        return Strided(held.shape, held.dtype, Layout(0, tuple(s // value.itemsize for s in steps)))
    return Strided(held.shape, held.dtype, contiguous(held.shape))


def shares(cell: Any, get: Callable[[Any], Any]) -> bool:
    """Whether PyTorch's result of this rearrangement shares memory with the tensor."""
    if cell._view is None:
        value = cell._handle._value if type(cell._handle) is Computed else None
        if "_strides" not in cell.__dict__ and (value is None or value.flags.c_contiguous):
            return True
    with dispatch.interpret(_LAYOUTS):
        found: Strided = get(strided(cell))
    return not found.copied


def dense(cell: Any) -> bool:
    """Whether the elements lie in row-major order without gaps."""
    found = strided(cell)
    wanted = contiguous(found.shape).strides
    if any(same(n, 0) for n in found.shape):
        return True
    return all(same(n, 1) or same(s, w) for n, s, w in zip(found.shape, found.layout.strides, wanted, strict=True))

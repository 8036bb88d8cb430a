"""Folds over axes: sums, products, extremes, tests, counts, and the positions of extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axes, normal_axis
from engine.errors import ArgumentError, AxisError, ShapeError
from engine.lowering import Fold, Loop
from engine.makers import composite, publish, reduction
from engine.op import Op, Sample, apply, as_handle
from engine.ops.compare import equal, not_equal, where
from engine.ops.dtype import astype
from engine.ops.shape import broadcast_to, reshape
from engine.requirements import require
from engine.sizes import Shape, Size, product, same
from engine.spec import DType, Spec


def fold_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    drawn = rng.uniform(0.3, 3, (2, 3, 4))
    x = (drawn > 1.5) if dtype.kind == "b" else drawn.astype(dtype)
    empty = np.zeros((2, 0), dtype)
    return [
        Sample((x,)),
        Sample((x,), {"axis": 1}),
        Sample((x,), {"axis": (0, -1), "keepdims": True}),
        Sample((x,), {"axis": ()}),
        Sample((x[0, 0, 0],)),
        Sample((x.transpose(2, 0, 1),), {"axis": 0}),
        Sample((empty,), {"axis": 0}),
    ]


def fold_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [Sample((x,), {"axis": 2}, AxisError), Sample((x,), {"axis": (0, 0)}, ArgumentError)]


def squeezed(y: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """A fold's result without the axes it folded, unless they are to be kept."""
    if keepdims or not axes:
        return y
    return reshape(y, tuple(n for i, n in enumerate(y.shape) if i not in axes))


def _fold(name: str, ufunc: Any, lower: Fold | None, **rest: Any) -> Op:
    return reduction(name, ufunc, lower, samples=fold_samples, errors=fold_errors, order=40, **rest)


def _share(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    hit = astype(equal(x, y), g.dtype)
    return g * hit / apply(_sum, hit, axis=axis)


def _prod_vjp(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    zero = equal(x, 0)
    safe = where(zero, 1.0, x)
    others = apply(_prod, safe, axis=axis)
    count = apply(_sum, astype(zero, g.dtype), axis=axis)
    return g * where(equal(count, 0), y / safe, where(zero, where(equal(count, 1), others, 0.0), 0.0))


_sum = _fold(
    "sum",
    np.add.reduce,
    Fold("0", "radd({acc}, {x})"),
    accepts=dtypes.COMPUTED,
    keeps="",
    onnx="ReduceSum",
    vjp=(lambda g, y, x, axis: broadcast_to(g, x.shape),),
    doc="Sum over axes.",
)
_prod = _fold(
    "prod",
    np.multiply.reduce,
    Fold("1", "rmul({acc}, {x})"),
    accepts=dtypes.COMPUTED,
    keeps="xy",
    onnx="ReduceProd",
    vjp=(_prod_vjp,),
    doc="Product over axes.",
)


def _extreme_kernel(reduce: Any, first: Callable[[Any], Any]) -> Callable[..., Any]:
    """A reduction that begins with ``first(dtype)`` where there is nothing to reduce, as native code does."""

    def kernel(x: Any, axis: Any, keepdims: bool) -> Any:
        return reduce(x, axis=axis, keepdims=keepdims, **({} if x.size else {"initial": first(x.dtype)}))

    return kernel


_max = _fold(
    "max",
    _extreme_kernel(np.maximum.reduce, lambda d: -np.inf if d.kind == "f" else np.iinfo(d).min),
    Fold("{lowest}", "maximum({acc}, {x})"),
    accepts=dtypes.NUMERIC,
    keeps="xy",
    onnx="ReduceMax",
    vjp=(_share,),
    doc="Largest over axes.",
)
_min = _fold(
    "min",
    _extreme_kernel(np.minimum.reduce, lambda d: np.inf if d.kind == "f" else np.iinfo(d).max),
    Fold("{highest}", "minimum({acc}, {x})"),
    accepts=dtypes.NUMERIC,
    keeps="xy",
    onnx="ReduceMin",
    vjp=(_share,),
    doc="Smallest over axes.",
)
_any = _fold(
    "any", np.logical_or.reduce, Fold("False", "{acc} | {x}"), accepts=dtypes.BOOL, keeps="", doc="Whether any is true."
)
_all = _fold(
    "all",
    np.logical_and.reduce,
    Fold("True", "{acc} & {x}"),
    accepts=dtypes.BOOL,
    keeps="",
    doc="Whether all are true.",
)


def _total(op: Op, x: Any, axis: Any, dtype: Any, keepdims: bool) -> Any:
    x = as_handle(x) if dtype is None else astype(x, dtype, copy=False)
    axes = normal_axes(axis, x.ndim, op.name, x)
    y = squeezed(apply(op, x, axis=axes), axes, keepdims)
    # What int64 wraps to in a narrower dtype is what that dtype would have come to.
    return y if dtype is None else astype(y, dtype, copy=False)


@publish(_sum)
def sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum over the given axes, or all, in ``dtype``; of bools and small integers in int64 or uint64 (Array API)."""
    return _total(_sum, x, axis, dtype, keepdims)


@publish(_prod)
def prod(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Product over the given axes, or all, in ``dtype``; of bools and small integers in int64 or uint64 (Array API)."""
    return _total(_prod, x, axis, dtype, keepdims)


def _nothing(op: Op, x: Any) -> ShapeError:
    return ShapeError(f"no elements to take the {op.name} of", op=op.name, operands=(x,))


def _extreme(op: Op, x: Any, axis: Any, keepdims: bool) -> Any:
    x = as_handle(x)
    axes = normal_axes(axis, x.ndim, op.name, x)
    for a in axes:
        require(x.shape[a], 1, lambda: _nothing(op, x))
    return squeezed(apply(op, x, axis=axes), axes, keepdims)


@publish(_max)
def max(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest over the given axes, or all; NaN if there is one. Equal maxima share the gradient (Array API).

    Raises ShapeError where there is nothing to compare.
    """
    return _extreme(_max, x, axis, keepdims)


@publish(_min)
def min(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest over the given axes, or all; NaN if there is one. Equal minima share the gradient (Array API).

    Raises ShapeError where there is nothing to compare.
    """
    return _extreme(_min, x, axis, keepdims)


def _test(op: Op, x: Any, axis: Any, keepdims: bool) -> Any:
    x = as_handle(x)
    if x.dtype != dtypes.bool_:
        x = not_equal(x, 0)
    axes = normal_axes(axis, x.ndim, op.name, x)
    return squeezed(apply(op, x, axis=axes), axes, keepdims)


@publish(_any)
def any(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any element over the given axes, or all, is true or nonzero (Array API)."""
    return _test(_any, x, axis, keepdims)


@publish(_all)
def all(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements over the given axes, or all, are true or nonzero (Array API)."""
    return _test(_all, x, axis, keepdims)


@composite(
    accepts=dtypes.COMPUTED, samples=lambda rng, dtype: fold_samples(rng, dtype)[1:], errors=fold_errors, smooth=False
)
def count_nonzero(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """How many elements over the given axes, or of all, are true or nonzero, as int64 (Array API)."""
    x = as_handle(x)
    axes = normal_axes(axis, x.ndim, "count_nonzero", x)
    truth = x if x.dtype == dtypes.bool_ else not_equal(x, 0)
    return squeezed(apply(_sum, truth, axis=axes), axes, keepdims)


# ---------------------------------------------------------------------------------------- positions


def around(shape: Shape, axis: int) -> tuple[Size, Size, Size]:
    """The sizes before, at and after an axis, multiplied out."""
    return product(shape[:axis]), shape[axis], product(shape[axis + 1 :])


def _position_text(sign: str) -> str:
    return f"""def kernel(a0, o, outer, n, inner):
    for i in range(outer):
        for j in range(inner):
            best = a0[i * n * inner + j]
            place = 0
            for k in range(1, n):
                x = a0[(i * n + k) * inner + j]
                if x {sign} best or (x != x and best == best):
                    best = x
                    place = k
            o[i * inner + j] = place
    return 0
"""


def _position(name: str, kernel: Any, sign: str, onnx: str) -> Op:
    def infer(x: Any, axis: int) -> Spec:
        return Spec(tuple(1 if i == axis else n for i, n in enumerate(x.shape)), dtypes.DEFAULT_INT)

    return Op(
        name,
        lambda x, axis: kernel(x, axis=axis, keepdims=True),
        infer,
        lower=Loop(lambda specs, out, attrs: (_position_text(sign), list(around(specs[0].shape, attrs["axis"])))),
        batch="shift",
        accepts=dtypes.NUMERIC,
        keeps="",
        onnx=onnx,
        order=41,
        samples=lambda rng, dtype: [
            Sample((rng.permutation(24).reshape(2, 3, 4).astype(dtype),), {"axis": 1}),
            Sample((rng.permutation(24).reshape(2, 3, 4).astype(dtype),)),
            Sample((np.ones((3, 2), dtype),), {"axis": 0, "keepdims": True}),
        ],
        doc=f"Position of the {'largest' if sign == '>' else 'smallest'} along an axis.",
    )


_argmax = _position("argmax", np.argmax, ">", "ArgMax")
_argmin = _position("argmin", np.argmin, "<", "ArgMin")


def _place(op: Op, x: Any, axis: int | None, keepdims: bool) -> Any:
    x = as_handle(x)
    line = x if axis is not None else reshape(x, (-1,))
    place = normal_axis(0 if axis is None else axis, line.ndim, op.name, x)
    require(line.shape[place], 1, lambda: _nothing(op, x))
    found = apply(op, line, axis=place)
    if axis is None:
        return reshape(found, (1,) * x.ndim if keepdims else ())
    return squeezed(found, (place,), keepdims)


@publish(_argmax)
def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position (int64) of the first largest element along an axis, or in the flattened array; NaN is largest (Array API)."""
    return _place(_argmax, x, axis, keepdims)


@publish(_argmin)
def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position (int64) of the first smallest element along an axis, or in the flattened array; NaN is smallest (Array API)."""
    return _place(_argmin, x, axis, keepdims)


def sum_to(x: Any, shape: Shape) -> Any:
    """``x`` summed over the axes along which an array of ``shape`` was broadcast to it."""
    lead = x.ndim - len(shape)
    axes = [*range(lead)]
    axes += [i + lead for i, n in enumerate(shape) if same(n, 1) and not same(x.shape[i + lead], 1)]
    if axes:
        x = apply(_sum, x, axis=tuple(axes))
    return reshape(x, shape)

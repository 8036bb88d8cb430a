"""Running sums and products, and the first-order recurrence that the gradient of a product is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError
from engine.lowering import Loop
from engine.makers import publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.compare import equal, where
from engine.ops.create import iota
from engine.ops.dtype import astype
from engine.ops.joins import roll
from engine.ops.pad import pad
from engine.ops.reduce import around
from engine.ops.slices import flip
from engine.spec import DType, Spec


def _text(parameters: str, first: str, later: str) -> Callable[..., Any]:
    source = f"""def kernel({parameters}, o, outer, n, inner):
    for i in range(outer):
        for k in range(n):
            for j in range(inner):
                here = (i * n + k) * inner + j
                if k == 0:
                    o[here] = {first}
                else:
                    o[here] = {later}
    return 0
"""
    return lambda specs, out, attrs: (source, list(around(specs[0].shape, attrs["axis"])))


def _first(x: Any, axis: int) -> Any:
    """Where the first place along an axis is, in a shape that broadcasts with x."""
    line = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))
    return equal(apply(iota, shape=line, axis=axis, dtype=dtypes.int64), 0)


def _before(y: Any, axis: int, start: float) -> Any:
    """The element before each along an axis; ``start`` before the first."""
    return where(_first(y, axis), start, roll(y, 1, axis=axis))


# ---------------------------------------------------------------------------------------- y[k] = a[k] y[k-1] + b[k]


def _recurrence_kernel(a: Any, b: Any, axis: int) -> Any:
    out = np.array(b, order="C")
    rows, factors = np.moveaxis(out, axis, 0), np.moveaxis(a, axis, 0)
    for k in range(1, len(rows)):
        rows[k] += factors[k] * rows[k - 1]
    return out


def _backwards(a: Any, g: Any, axis: int) -> Any:
    """The recurrence from the far end: s[k] = a[k+1] s[k+1] + g[k]."""
    following = flip(roll(a, -1, axis=axis), axis=axis)  # what comes round to the far end is not looked at
    return flip(apply(_recurrence, following, flip(g, axis=axis), axis=axis), axis=axis)


def _recurrence_vjp(g: Any, y: Any, a: Any, b: Any, axis: int) -> list[Any]:
    into = _backwards(a, g, axis)
    return [into * _before(y, axis, 0.0), into]


_recurrence: Op = Op(
    "recurrence",
    _recurrence_kernel,
    lambda a, b, axis: Spec(b.shape, b.dtype),
    lower=Loop(_text("a0, a1", "a1[here]", "a0[here] * o[here - inner] + a1[here]")),
    batch="shift",
    accepts=dtypes.FLOATS,
    keeps="xy",
    order=43,
    vjp=_recurrence_vjp,
    samples=lambda rng, dtype: [
        Sample(tuple(rng.uniform(-2, 2, shape).astype(dtype) for _ in "ab"), {"axis": axis})
        for shape, axis in [((2, 3, 4), 1), ((5,), 0), ((0, 2), 0)]
    ],
    hidden=True,
    doc="y[k] = a[k] * y[k-1] + b[k] along an axis, from 0.",
)

# ---------------------------------------------------------------------------------------- sums and products


def _product_vjp(g: Any, y: Any, x: Any, axis: int) -> Any:
    # Divides by nothing, so that zeros in x are as good as any other number.
    return _before(y, axis, 1.0) * _backwards(x, g, axis)


def _running(name: str, ufunc: Any, later: str, **rest: Any) -> Op:
    return Op(
        name,
        lambda x, axis: ufunc.accumulate(x, axis=axis, dtype=x.dtype),
        lambda x, axis: Spec(x.shape, x.dtype),
        lower=Loop(_text("a0", "a0[here]", later)),
        batch="shift",
        accepts=dtypes.NUMERIC,
        order=44,
        samples=_samples,
        errors=lambda rng, dtype: [Sample((np.ones((2, 2), dtype),), {}, ArgumentError)],
        **rest,
    )


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(0, 3, (2, 3, 4)).astype(dtype)
    with_zeros = np.array([2, 0, 3, 0, 1], dtype)
    return [
        Sample((x,), {"axis": 1}),
        Sample((with_zeros,), {"include_initial": True}),
        Sample((np.ones((0,), dtype),)),
    ]


_sum: Op = _running(
    "cumulative_sum",
    np.add,
    "o[here - inner] + a0[here]",
    keeps="",
    onnx="CumSum",
    vjp=(lambda g, y, x, axis: flip(apply(_sum, flip(g, axis=axis), axis=axis), axis=axis),),
    doc="Running sum along an axis.",
)
_product: Op = _running(
    "cumulative_prod",
    np.multiply,
    "o[here - inner] * a0[here]",
    keeps="xy",
    vjp=(_product_vjp,),
    doc="Running product along an axis.",
)


def _run(op: Op, x: Any, axis: int | None, dtype: Any, start: int | None) -> Any:
    x = as_handle(x) if dtype is None else astype(x, dtype, copy=False)
    if dtype is None and x.dtype.kind in "iub":
        x = astype(x, dtypes.uint64 if x.dtype.kind == "u" else dtypes.int64, copy=False)
    if axis is None and x.ndim != 1:
        raise ArgumentError(f"an array of {x.ndim} dimensions needs an axis", op=op.name, operands=(x,))
    place = normal_axis(0 if axis is None else axis, x.ndim, op.name, x)
    y = apply(op, x, axis=place)
    return y if start is None else pad(y, [(int(i == place), 0) for i in range(x.ndim)], value=start)


@publish(_sum)
def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running sum along an axis, which may be left out for a vector (Array API).

    Small integers are summed in int64 or uint64 unless ``dtype`` is given. ``include_initial``: begin with 0.
    """
    return _run(_sum, x, axis, dtype, 0 if include_initial else None)


@publish(_product)
def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running product along an axis, which may be left out for a vector (Array API).

    Small integers are multiplied in int64 or uint64 unless ``dtype`` is given. ``include_initial``: begin with 1. The
    gradient is exact where elements are 0, too.
    """
    return _run(_product, x, axis, dtype, 1 if include_initial else None)

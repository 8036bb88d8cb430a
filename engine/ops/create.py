"""Arrays made from nothing: constants, ranges, identity matrices, triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import normal_shape
from engine.errors import ArgumentError, ShapeError
from engine.handle import Handle
from engine.lowering import Scalar
from engine.makers import PUBLIC, composite, public, publish
from engine.op import Op, Sample, Trait, apply, as_handle, holds_handle
from engine.ops.arithmetic import add, multiply
from engine.ops.compare import equal, greater_equal, less_equal, where
from engine.ops.dtype import astype
from engine.ops.shape import broadcast_to, expand_dims
from engine.sizes import Dim, Shape, Size
from engine.spec import DType, Spec

_full = Op(
    "full",
    lambda shape, value, dtype: np.full(shape, value, dtype),
    lambda shape, value, dtype: Spec(shape, dtype),
    lower=Scalar("{value}"),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    onnx="ConstantOfShape",
    order=2,
    traits=[Trait.ELEMENTWISE],
    samples=lambda rng, dtype: [
        Sample(((2, 3), 1), {"dtype": dtype}),
        Sample(((), 0), {"dtype": dtype}),
        Sample(((2,), np.array(1, dtype))),
    ],
    errors=lambda rng, dtype: [Sample(((-1,), 1), {"dtype": dtype}, ArgumentError)],
    doc="An array of one value.",
)


def _iota_kernel(shape: tuple[int, ...], axis: int, dtype: DType) -> Any:
    line = np.arange(shape[axis], dtype=dtype).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return np.broadcast_to(line, shape).copy()


iota = Op(
    "iota",
    _iota_kernel,
    lambda shape, axis, dtype: Spec(shape, dtype),
    lower=Scalar("{dtype}({i})"),
    accepts=dtypes.NUMERIC,
    casts=None,
    keeps="",
    onnx="Range",
    order=2,
    traits=[Trait.ELEMENTWISE],
    samples=lambda rng, dtype: [
        Sample((), {"shape": (2, 3), "axis": 0, "dtype": dtype}),
        Sample((), {"shape": (2, 3), "axis": 1, "dtype": dtype}),
    ],
    doc="0, 1, 2, ... along an axis.",
    hidden=True,
)
size_of = Op(
    "size_of",
    lambda size, dtype: np.asarray(size, dtype),
    lambda size, dtype: Spec((), dtype),
    lower=Scalar("{dtype}({size})"),
    casts=None,
    keeps="",
    onnx="Size",
    order=2,
    traits=[Trait.ELEMENTWISE],
    samples=lambda rng, dtype: [Sample((), {"size": 1, "dtype": dtype})],
    doc="A named size as a number that the call brings.",
    hidden=True,
)


@publish(_full)
def full(shape: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """An array of ``shape`` holding ``fill_value``, a number or a 0-d array (Array API).

    ``dtype`` defaults to that of the value: bool, int64 or float32 for Python numbers.
    """
    shape = normal_shape(shape, "full")
    _check_sizes(shape, "full")
    if isinstance(fill_value, Handle | Dim | np.ndarray):
        value = as_handle(fill_value)
        if value.ndim:
            raise ShapeError("the fill value must be 0-d", op="full", operands=(value,))
        return broadcast_to(value if dtype is None else astype(value, dtype), shape)
    target = dtypes.default_dtype(fill_value) if dtype is None else dtypes.as_dtype(dtype)
    value = {"b": bool, "f": float}.get(target.kind, int)(fill_value)
    return apply(_full, shape=shape, value=value, dtype=target)


def _check_sizes(shape: Shape, op: str) -> None:
    if any(isinstance(n, int) and n < 0 for n in shape):
        raise ArgumentError(f"sizes must not be negative, got {shape}", op=op)


@public
def zeros(shape: Any, *, dtype: Any = None) -> Any:
    """An array of zeros; ``dtype`` defaults to float32 (Array API)."""
    return full(shape, 0.0, dtype=dtypes.DEFAULT_FLOAT if dtype is None else dtype)


@public
def ones(shape: Any, *, dtype: Any = None) -> Any:
    """An array of ones; ``dtype`` defaults to float32 (Array API)."""
    return full(shape, 1.0, dtype=dtypes.DEFAULT_FLOAT if dtype is None else dtype)


@public
def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None) -> Any:
    """An array with the shape of ``x``, and its dtype unless given, holding ``fill_value`` (Array API)."""
    x = as_handle(x)
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype)


@public
def zeros_like(x: Any, /, *, dtype: Any = None) -> Any:
    """Zeros with the shape of ``x``, and its dtype unless given (Array API)."""
    return full_like(x, 0, dtype=dtype)


@public
def ones_like(x: Any, /, *, dtype: Any = None) -> Any:
    """Ones with the shape of ``x``, and its dtype unless given (Array API)."""
    return full_like(x, 1, dtype=dtype)


empty, empty_like = zeros, zeros_like  # immutable values have no use for uninitialised memory
PUBLIC |= {"empty": empty, "empty_like": empty_like}


@public
def asarray(obj: Any, /, *, dtype: Any = None, copy: bool | None = None) -> Any:
    """An array of Python numbers, nested lists, a NumPy array or anything with ``__dlpack__`` (Array API).

    Python floats become float32, integers int64. A NumPy array is copied unless ``copy`` is False.
    """
    if holds_handle(obj):
        made = as_handle(obj)
        return made if dtype is None else astype(made, dtype)
    if copy is not False and isinstance(obj, np.ndarray):
        obj = np.array(obj, order="C")
    return dispatch.current().asarray(obj, None if dtype is None else dtypes.as_dtype(dtype))


@public
def from_dlpack(x: Any, /) -> Any:
    """An array that shares the memory of ``x``, anything with ``__dlpack__`` on the CPU (Array API)."""
    return dispatch.current().asarray(np.from_dlpack(x), None)


@public
def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
    """Evenly spaced numbers from ``start`` (0 if only one bound is given) up to but not including ``stop`` (Array API).

    ``dtype`` defaults to int64 for integers, float32 where a bound or the step is a float.
    """
    if stop is None:
        start, stop = 0, start
    if not isinstance(stop, Dim) and not isinstance(start, Dim) and step == 0:
        raise ArgumentError("the step must not be 0", op="arange")
    if dtype is None:
        floating = any(isinstance(v, float | np.floating) for v in (start, stop, step))
        dtype = dtypes.DEFAULT_FLOAT if floating else dtypes.DEFAULT_INT
    target = dtypes.as_dtype(dtype)
    size: Size
    if isinstance(stop, Dim) or isinstance(start, Dim):
        size = -((start - stop) // step)
    else:
        size = max(0, int(np.ceil((stop - start) / step)))
    work = target if target in dtypes.NUMERIC else dtypes.DEFAULT_FLOAT
    if target.kind == "u":
        work = dtypes.int64
    if work.kind == "f":
        work = dtypes.float64  # so that rounding happens once, at the end
    line = apply(iota, shape=(size,), axis=0, dtype=work)
    if not (isinstance(step, int) and step == 1):
        line = multiply(line, step)
    if isinstance(start, Dim) or start != 0:
        line = add(line, start)
    return astype(line, target)


@public
def linspace(start: Any, stop: Any, /, num: int, *, dtype: Any = None, endpoint: bool = True) -> Any:
    """``num`` evenly spaced numbers from ``start`` to ``stop``, the end included unless told otherwise (Array API)."""
    target = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.as_dtype(dtype)
    if num < 0:
        raise ArgumentError(f"num must not be negative, got {num}", op="linspace")
    gaps = num - 1 if endpoint else num
    line = apply(iota, shape=(num,), axis=0, dtype=dtypes.float64)
    if gaps > 0:
        line = line * ((float(stop) - float(start)) / gaps) + float(start)
        if endpoint:
            last = equal(apply(iota, shape=(num,), axis=0, dtype=dtypes.int64), num - 1)
            line = where(last, float(stop), line)
    else:
        line = line + float(start)
    return astype(line, target)


@public
def eye(n_rows: Any, n_cols: Any = None, /, *, k: int = 0, dtype: Any = None) -> Any:
    """A matrix with ones on diagonal ``k`` and zeros elsewhere; float32 unless told otherwise (Array API)."""
    shape = (n_rows, n_rows if n_cols is None else n_cols)
    target = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.as_dtype(dtype)
    return astype(equal(*_row_and_column(shape, k)), target)


def _row_and_column(shape: Shape, k: int) -> tuple[Any, Any]:
    rank = len(shape)
    row = apply(iota, shape=(1,) * (rank - 2) + (shape[-2], 1), axis=rank - 2, dtype=dtypes.int64)
    column = apply(iota, shape=(1,) * (rank - 2) + (1, shape[-1]), axis=rank - 1, dtype=dtypes.int64)
    return (row + k if k else row), column


def _matrix(x: Any, op: str) -> Any:
    x = as_handle(x)
    if x.ndim < 2:
        raise ShapeError("needs at least two dimensions", op=op, operands=(x,))
    return x


def _matrices(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (3, 4)).astype(dtype)
    return [Sample((x,)), Sample((x,), {"k": 1}), Sample((x[None].repeat(2, 0),), {"k": -1})]


def _vectors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones(3, dtype),), {}, ShapeError)]


@composite(samples=_matrices, errors=_vectors, onnx="Trilu", accepts=dtypes.COMPUTED)
def tril(x: Any, /, *, k: int = 0) -> Any:
    """The elements of each matrix on and below diagonal ``k``, zeros above (Array API). x: [..., m, n]."""
    x = _matrix(x, "tril")
    row, column = _row_and_column(x.shape, k)
    return where(greater_equal(row, column), x, zeros_like(x) if x.dtype == dtypes.bool_ else 0)


@composite(samples=_matrices, errors=_vectors, onnx="Trilu", accepts=dtypes.COMPUTED)
def triu(x: Any, /, *, k: int = 0) -> Any:
    """The elements of each matrix on and above diagonal ``k``, zeros below (Array API). x: [..., m, n]."""
    x = _matrix(x, "triu")
    row, column = _row_and_column(x.shape, k)
    return where(less_equal(row, column), x, zeros_like(x) if x.dtype == dtypes.bool_ else 0)


def _classes(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((rng.integers(0, 4, (2, 3)).astype(dtype), 4))]


@composite(samples=_classes, onnx="OneHot", accepts=dtypes.INTEGERS, smooth=False)
def one_hot(x: Any, num_classes: int, /, *, dtype: Any = None) -> Any:
    """A new last axis of ``num_classes`` with a one where x points; int64 as in PyTorch unless ``dtype`` is given.

    A class outside the range gives a row of zeros.
    """
    x = as_handle(x)
    line = apply(iota, shape=(num_classes,), axis=0, dtype=x.dtype)
    return astype(equal(expand_dims(x, axis=-1), line), dtypes.DEFAULT_INT if dtype is None else dtype)


def number(value: Size, dtype: DType) -> Any:
    """A size as an operand: a Python int, or a 0-d array where it is a named size."""
    return apply(size_of, size=value, dtype=dtype) if isinstance(value, Dim) else value

"""Arrays made from nothing or from outside data: constants, identity matrices, triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import check_device, normal_shape
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.handle import Handle
from engine.lowering import Scalar
from engine.makers import composite, public, publish
from engine.op import Op, Sample, Trait, apply, as_handle, holds_handle
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
def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of ``shape`` holding ``fill_value``, a number or a 0-d array (Array API).

    ``dtype`` defaults to that of the value: bool, int64 or float32 for Python numbers. Raises DTypeError for a number
    that does not fit into it.
    """
    check_device(device, "full")
    shape = normal_shape(shape, "full")
    _check_sizes(shape, "full")
    if isinstance(fill_value, Handle | Dim | np.ndarray):
        value = as_handle(fill_value)
        if value.ndim:
            raise ShapeError("the fill value must be 0-d", op="full", operands=(value,))
        return broadcast_to(value if dtype is None else astype(value, dtype, copy=False), shape)
    target = _default(fill_value, "full") if dtype is None else dtypes.as_dtype(dtype)
    return apply(_full, shape=shape, value=_fitting(fill_value, target, "full"), dtype=target)


def _default(value: Any, op: str) -> DType:
    if isinstance(value, np.generic):
        return dtypes.as_dtype(value.dtype)
    if not isinstance(value, bool | int | float):
        raise DTypeError(f"takes a bool or a real number, not {value!r}", op=op)
    return dtypes.default_dtype(value)


def _fitting(value: Any, dtype: DType, op: str) -> Any:
    """A number as a Python number of the kind of a dtype."""
    if dtype.kind == "f":
        return float(value)
    if dtype.kind == "b":
        return bool(value)
    limits = np.iinfo(dtype)
    if value != value or not limits.min <= value <= limits.max:
        raise DTypeError(f"the number {value} does not fit into {dtype.name}", op=op, fix="give a wider dtype=")
    return int(value)


def _check_sizes(shape: Shape, op: str) -> None:
    if any(isinstance(n, int) and n < 0 for n in shape):
        raise ArgumentError(f"sizes must not be negative, got {shape}", op=op)


@public
def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of zeros; ``dtype`` defaults to float32 (Array API).

    >>> tg.zeros((2, 3))
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return full(shape, 0.0, dtype=dtypes.DEFAULT_FLOAT if dtype is None else dtype, device=device)


@public
def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of ones; ``dtype`` defaults to float32 (Array API).

    >>> tg.ones(3, dtype="int64")
    tensor([1, 1, 1])
    """
    return full(shape, 1.0, dtype=dtypes.DEFAULT_FLOAT if dtype is None else dtype, device=device)


@public
def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array whose elements nobody should rely on: zeros, for values do not change later (Array API)."""
    return zeros(shape, dtype=dtype, device=device)


@public
def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array with the shape of ``x``, and its dtype unless given, holding ``fill_value`` (Array API).

    >>> tg.full_like(tg.tensor([1.0, 2.0]), 7.0)
    tensor([7., 7.])
    """
    x = as_handle(x)
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype, device=device)


@public
def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Zeros with the shape of ``x``, and its dtype unless given (Array API).

    >>> tg.zeros_like(tg.tensor([1, 2]))
    tensor([0, 0])
    """
    return full_like(x, 0, dtype=dtype, device=device)


@public
def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Ones with the shape of ``x``, and its dtype unless given (Array API).

    >>> tg.ones_like(tg.tensor([0.5, 2.0]))
    tensor([1., 1.])
    """
    return full_like(x, 1, dtype=dtype, device=device)


@public
def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """``empty`` with the shape of ``x``, and its dtype unless given (Array API)."""
    return zeros_like(x, dtype=dtype, device=device)


@public
def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """An array of Python numbers, nested lists, a NumPy array, a buffer or anything with ``__dlpack__`` (Array API).

    Python floats become float32, integers int64. A NumPy array is copied unless ``copy`` is False, because values must
    not change. Raises ArgumentError where ``copy`` is False and a cast needs a copy.

    >>> tg.asarray([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    check_device(device, "asarray")
    target = None if dtype is None else dtypes.as_dtype(dtype)
    typed = getattr(obj, "dtype", None)
    if copy is False and target is not None and isinstance(typed, np.dtype) and typed != target:
        raise ArgumentError(
            f"{typed.name} cannot become {target.name} without a copy", op="asarray", fix="leave copy=False out"
        )
    if holds_handle(obj):
        made = as_handle(obj)
        if target is not None and made.dtype != target:
            return astype(made, target)
        return made._fresh() if copy and made is obj else made
    if isinstance(obj, np.ndarray):
        obj = obj if copy is False else np.array(obj, order="C")
    elif copy and hasattr(obj, "__dlpack__"):
        obj = np.array(np.from_dlpack(obj), order="C")
    elif copy and _is_buffer(obj):
        obj = np.array(obj, order="C")
    return dispatch.current().asarray(obj, target)


def _is_buffer(obj: Any) -> bool:
    try:
        memoryview(obj)
    except TypeError:
        return False
    return True


@public
def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """An array of the memory of ``x``, anything with ``__dlpack__``, shared unless ``copy`` is True (Array API).

    Raises BufferError where the memory cannot be shared and ``copy`` is False, or cannot be brought to the CPU.
    """
    check_device(device, "from_dlpack")
    return dispatch.current().asarray(np.from_dlpack(x, device=device, copy=copy), None)


@public
def eye(n_rows: Any, n_cols: Any = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    """A matrix with ones on diagonal ``k`` and zeros elsewhere; float32 unless told otherwise (Array API).

    >>> tg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_device(device, "eye")
    shape = normal_shape((n_rows, n_rows if n_cols is None else n_cols), "eye")
    _check_sizes(shape, "eye")
    target = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.as_dtype(dtype)
    return astype(equal(*_row_and_column(shape, k)), target, copy=False)


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

"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ShapeError
from engine.lowering import Product
from engine.makers import publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.arithmetic import add, multiply
from engine.ops.shape import expand_dims, matrix_transpose, reshape, squeeze
from engine.sizes import agree, product, same, show_size
from engine.spec import DType, Incompatible, Spec, broadcast


def _spec(a: Any, b: Any) -> Spec:
    if not agree(a.shape[-1], b.shape[-2]):
        raise Incompatible(f"columns of the first, {a.shape[-1]}, against rows of the second, {b.shape[-2]}")
    return Spec((*broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def make(*shape: int) -> Any:
        return rng.uniform(-2, 2, shape).astype(dtype)

    return [
        Sample((make(2, 3), make(3, 4))),
        Sample((make(3), make(3))),
        Sample((make(2, 3), make(3))),
        Sample((make(3), make(3, 2))),
        Sample((make(2, 1, 2, 3), make(4, 3, 2))),
        Sample((make(3, 2).T, make(4, 3).T)),
        Sample((make(2, 0), make(0, 3))),
        Sample((make(0, 2), make(2, 3))),
        Sample((make(5, 2, 3), make(3, 4))),
    ]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.ones((2, 3), dtype), np.ones((2, 3), dtype)), {}, ShapeError),
        Sample((np.ones((), dtype), np.ones((2, 3), dtype)), {}, ShapeError),
    ]


def _times(a: Any, b: Any) -> Any:
    """The product of matrices; that of a column and a row is one of elements, for which BLAS is the long way."""
    return multiply(a, b) if same(a.shape[-1], 1) else apply(_matmul, a, b)


_matmul: Op = Op(
    "matmul",
    np.matmul,
    _spec,
    lower=Product(),
    batch="products",
    accepts=dtypes.NUMERIC,
    onnx="MatMul",
    order=70,
    vjp=(
        lambda g, y, a, b: _times(g, matrix_transpose(b)),
        lambda g, y, a, b: _times(matrix_transpose(a), g),
    ),
    samples=_samples,
    errors=_errors,
    doc="Matrix product of the last two axes.",
)


@publish(_matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    """Matrix product over the last two axes, the others broadcast; vectors are rows on the left, columns on the right (Array API).

    x1: [..., m, k] or [k]; x2: [..., k, n] or [k]. Raises ShapeError where the inner sizes differ.
    """
    a, b = as_handle(x1), as_handle(x2)
    if a.ndim == 2 and b.ndim == 2:
        return apply(_matmul, a, b)
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError("needs at least one axis on each side", op="matmul", operands=(a, b), fix="use * for scalars")
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if not agree(a.shape[-1], inner):
        raise ShapeError(
            f"the last axis of the first ({a.shape[-1]}) must equal axis {-1 if b.ndim == 1 else -2} of the second ({inner})",
            op="matmul",
            operands=(a, b),
        )
    if a.ndim == 1:
        y = matmul(expand_dims(a, axis=0), b)
        return squeeze(y, axis=-2 if b.ndim > 1 else 0)
    if b.ndim == 1:
        return squeeze(matmul(a, expand_dims(b, axis=1)), axis=-1)
    if b.ndim == 2 and a.ndim > 2:
        # Many small products with one matrix are one large product.
        rows = reshape(a, (product(a.shape[:-1]), a.shape[-1]))
        return reshape(apply(_matmul, rows, b), (*a.shape[:-1], b.shape[-1]))
    return apply(_matmul, a, b)


def _linear_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def make(*shape: int) -> Any:
        return rng.uniform(-2, 2, shape).astype(dtype)

    return [
        Sample((make(2, 3), make(4, 3))),
        Sample((make(2, 3), make(4, 3), make(4))),
        Sample((make(2, 5, 3), make(4, 3), make(4))),
        Sample((make(3), make(4, 3), make(4))),
    ]


def _linear_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 5), dtype), np.ones((4, 3), dtype)), {}, ShapeError)]


def _linear_kernel(x: Any, weight: Any, *bias: Any) -> Any:
    y = np.matmul(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weight.T)
    if bias:
        y += bias[0]
    return y.reshape(*x.shape[:-1], weight.shape[0])


def _linear_spec(x: Any, weight: Any, *bias: Any) -> Spec:
    out = (*x.shape[:-1], weight.shape[0])
    if bias and not agree(bias[0].shape[-1], weight.shape[0]):
        raise Incompatible(f"a bias of {bias[0].shape[-1]} for {weight.shape[0]} features")
    return Spec(out, x.dtype)


def _linear_in_ops(x: Any, weight: Any, *bias: Any) -> Any:
    y = matmul(x, matrix_transpose(weight))
    return add(y, bias[0]) if bias else y


def _rows(x: Any) -> Any:
    return x if x.ndim == 2 else reshape(x, (product(x.shape[:-1]), x.shape[-1]))


def _linear_vjp(g: Any, y: Any, x: Any, weight: Any, *bias: Any) -> list[Any]:
    slope = apply(_matmul, matrix_transpose(_rows(g)), _rows(x))
    return [matmul(g, weight), slope, *(g for _ in bias)]


_linear = Op(
    "linear",
    _linear_kernel,
    _linear_spec,
    vjp=_linear_vjp,
    expand=_linear_in_ops,
    batch="linear",
    accepts=dtypes.FLOATS,
    onnx="Gemm",
    order=71,
    samples=_linear_samples,
    errors=_linear_errors,
    doc="x @ weight.T + bias in one step.",
)


@publish(_linear)
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight.T + bias (PyTorch). x: [..., in]; weight: [out, in]; bias: [out].

    Raises ShapeError where x's last axis is not the weight's.
    """
    x, weight = as_handle(x), as_handle(weight)
    if weight.ndim != 2 or x.ndim == 0 or not agree(x.shape[-1], weight.shape[1]):
        raise ShapeError(
            f"the layer takes {show_size(weight.shape[-1])} features, "
            f"its input has {show_size(x.shape[-1]) if x.ndim else 'none'}",
            op="linear",
            operands=(x, weight),
            fix=f"make the last axis of the input {show_size(weight.shape[-1])} long, or build the layer for "
            f"{show_size(x.shape[-1]) if x.ndim else 1} features",
        )
    return apply(_linear, x, weight) if bias is None else apply(_linear, x, weight, bias)

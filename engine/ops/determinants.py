"""Determinants, and the logarithms of their absolute values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dtypes
from engine.makers import publish
from engine.op import Op, Sample, apply
from engine.ops.arithmetic import divide, multiply, subtract
from engine.ops.linalg import matmul
from engine.ops.matrices import DIVERGED, check_square, guarded, not_square, regular, square, square_spec
from engine.ops.reduce import sum
from engine.ops.shape import expand_dims, matrix_transpose
from engine.ops.solve import inv
from engine.ops.system_loops import DET, SLOGDET
from engine.spec import DType, Spec


class SlogdetResult(NamedTuple):
    """The sign of a determinant (1, 0 or -1), and the logarithm of its absolute value (-inf for a singular matrix)."""

    sign: Any
    logabsdet: Any


def _numbers(x: Any) -> Spec:
    check_square(x.shape)
    return Spec(x.shape[:-2], x.dtype)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    shapes = ((3, 3), (2, 2, 2), (1, 1), (0, 0), (0, 2, 2))
    return [Sample((regular(rng, dtype, *shape),)) for shape in shapes]


def _over(g: Any) -> Any:
    """Numbers [...] to go with matrices [..., n, n]."""
    return expand_dims(g, axis=(-2, -1))


def _cofactor_kernel(x: Any) -> Any:
    """By singular values, which a singular matrix has too: each is replaced by the product of the others."""
    try:
        u, s, vh = np.linalg.svd(x)
    except np.linalg.LinAlgError:  # NaN in, NaN out, as of det itself
        return np.full_like(x, np.nan)
    before, after = np.ones_like(s), np.ones_like(s)
    before[..., 1:] = np.cumprod(s[..., :-1], axis=-1)
    after[..., :-1] = np.cumprod(s[..., :0:-1], axis=-1)[..., ::-1]
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vh))
    return (u * (before * after * sign[..., None])[..., None, :]) @ vh


def _cofactor_vjp(g: Any, y: Any, x: Any) -> Any:
    total = multiply(_over(sum(multiply(g, y), axis=(-2, -1))), y)
    return divide(subtract(total, matmul(matmul(y, matrix_transpose(g)), y)), _over(apply(_det, x)))


_cofactors: Op = Op(
    "cofactors",
    guarded(_cofactor_kernel, DIVERGED),
    square_spec,
    vjp=(_cofactor_vjp,),
    batch="leading",
    accepts=dtypes.FLOATS,
    keeps="xy",
    order=72,
    samples=_samples,
    doc="The cofactor matrix: det(x) times the transposed inverse, and its limit where x is singular.",
    hidden=True,
)
_det: Op = Op(
    "det",
    guarded(np.linalg.det, DIVERGED),
    _numbers,
    lower=DET,
    vjp=(lambda g, y, x: multiply(_over(g), apply(_cofactors, x)),),
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    onnx="Det",
    order=73,
    samples=_samples,
    errors=not_square,
    doc="The determinant.",
)


@publish(_det)
def det(x: Any, /) -> Any:
    """The determinant of each matrix: [..., n, n] -> [...] (Array API). Raises ShapeError where they are not square.

    The gradient is the cofactor matrix, of singular matrices too; that of order 2 needs regular ones (Giles 2008).
    """
    return apply(_det, square(x, "det"))


def _slogdet_vjp(gs: list[Any], ys: tuple[Any, ...], x: Any) -> list[Any]:
    return [None if gs[1] is None else multiply(_over(gs[1]), matrix_transpose(inv(x)))]


_slogdet = Op(
    "slogdet",
    guarded(lambda x: tuple(np.linalg.slogdet(x)), DIVERGED),
    lambda x: [_numbers(x), _numbers(x)],
    lower=SLOGDET,
    vjp=_slogdet_vjp,
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    order=73,
    samples=_samples,
    errors=not_square,
    many=True,
    doc="Sign of the determinant and logarithm of its absolute value.",
)


@publish(_slogdet)
def slogdet(x: Any, /) -> SlogdetResult:
    """Sign of the determinant of each matrix and logarithm of its absolute value: [..., n, n] -> two [...] (Array API).

    A singular matrix gives 0 and -inf, and has no gradient (LinAlgError). The sign passes no gradient on (Giles 2008).
    Raises ShapeError where they are not square.
    """
    return SlogdetResult(*apply(_slogdet, square(x, "slogdet")))

"""Linear systems: general, with a triangle, with a Cholesky factor; and inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import LinAlgError, ShapeError
from engine.makers import composite, publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.arithmetic import negative
from engine.ops.create import tril, triu
from engine.ops.linalg import matmul
from engine.ops.matrices import SINGULAR, check_square, definite, guarded, not_square, regular, square, square_spec
from engine.ops.samples import array
from engine.ops.shape import expand_dims, matrix_transpose, squeeze
from engine.ops.system_loops import INVERSE, SOLVE, SUBSTITUTE
from engine.sizes import agree, show_size
from engine.spec import DType, Incompatible, Spec, broadcast


def system_spec(a: Any, b: Any, **attrs: Any) -> Spec:
    """The solution of [..., n, n] for right sides [..., n, k]."""
    check_square(a.shape)
    if not agree(a.shape[-1], b.shape[-2]):
        raise Incompatible(f"{a.shape[-1]} unknowns, right sides of {b.shape[-2]}")
    return Spec((*broadcast(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), a.dtype)


def right_sides(a: Any, b: Any, op: str) -> tuple[Any, bool]:
    """Right sides as columns [..., n, k], and whether they were one vector [n], as the standard tells them apart."""
    b = as_handle(b)
    if b.ndim == 0 or not agree(a.shape[-2], b.shape[0] if b.ndim == 1 else b.shape[-2]):
        given = show_size(b.shape[-2:][0]) if b.ndim else "no"
        raise ShapeError(
            f"a matrix of {show_size(a.shape[-2])} rows takes right sides of as many, not {given}",
            op=op,
            operands=(a, b),
            fix="several vectors are columns of a matrix: expand_dims(b, axis=-1), then squeeze the result",
        )
    return (expand_dims(b, axis=1), True) if b.ndim == 1 else (b, False)


def _systems(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((regular(rng, dtype, 3, 3), array(rng, dtype, 3))),
        Sample((regular(rng, dtype, 3, 3), array(rng, dtype, 3, 2))),
        Sample((regular(rng, dtype, 2, 1, 2, 2), array(rng, dtype, 3, 2, 1))),
        Sample((regular(rng, dtype, 2, 2, 2), array(rng, dtype, 2))),
        Sample((regular(rng, dtype, 1, 1), array(rng, dtype, 1, 0))),
        Sample((np.ones((0, 0), dtype), np.ones((0, 2), dtype))),
    ]


def wrong_systems(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, b = np.eye(3, dtype=dtype), np.ones(3, dtype)
    return [
        Sample((x, b[:2]), {}, ShapeError),
        Sample((x, b[0]), {}, ShapeError),
        Sample((x[:2], b), {}, ShapeError),
        Sample((b, b), {}, ShapeError),
        Sample((np.stack([x, x]), np.ones((3, 3, 1), dtype)), {}, ShapeError),
        Sample((np.stack([x, x * 0]), np.ones((3, 1), dtype)), {}, LinAlgError),
    ]


# ---------------------------------------------------------------------------------------- general


def _solve_vjp(g: Any, y: Any, a: Any, b: Any) -> list[Any]:
    to_b = apply(_solve, matrix_transpose(a), g)
    return [negative(matmul(to_b, matrix_transpose(y))), to_b]


_solve: Op = Op(
    "solve",
    guarded(np.linalg.solve, SINGULAR),
    system_spec,
    lower=SOLVE,
    vjp=_solve_vjp,
    batch="systems",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="xy",
    order=72,
    samples=_systems,
    errors=wrong_systems,
    doc="The solution of a linear system.",
)


@publish(_solve)
def solve(x1: Any, x2: Any, /) -> Any:
    """The x with ``x1 @ x = x2``, by LU factors with partial pivoting (Array API). Gradient: Giles 2008.

    x1: [..., n, n]; x2: [n], or columns [..., n, k]; other axes broadcast. Raises ShapeError, and LinAlgError where a
    matrix is singular.
    """
    a = square(x1, "solve")
    b, vector = right_sides(a, x2, "solve")
    y = apply(_solve, a, b)
    return squeeze(y, axis=-1) if vector else y


_inv: Op = Op(
    "inv",
    guarded(np.linalg.inv, SINGULAR),
    square_spec,
    lower=INVERSE,
    vjp=(lambda g, y, x: negative(matmul(matmul(matrix_transpose(y), g), matrix_transpose(y))),),
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    order=72,
    samples=lambda rng, dtype: [
        Sample((regular(rng, dtype, *shape),)) for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 0), (0, 2, 2))
    ],
    errors=lambda rng, dtype: [
        *not_square(rng, dtype),
        Sample((np.ones((2, 2, 2), dtype),), {}, LinAlgError),
    ],
    doc="The inverse of a matrix.",
)


@publish(_inv)
def inv(x: Any, /) -> Any:
    """The inverse of each matrix [..., n, n] (Array API). Gradient: Giles 2008. ``solve`` is quicker and more exact.

    Raises ShapeError where they are not square, LinAlgError where one is singular.
    """
    return apply(_inv, square(x, "inv"))


# ---------------------------------------------------------------------------------------- triangular

_SMALL = 32  # below it NumPy's solver; it swaps no rows of an upper triangle, so it only substitutes back


def _substitute(t: Any, b: Any, upper: bool, unit: bool) -> Any:
    """Solve by halves: one, then the other with what the first contributes."""
    n = t.shape[-1]
    if n > _SMALL:
        k = n // 2
        first, last = (..., slice(k), slice(None)), (..., slice(k, None), slice(None))
        corners = t[..., :k, :k], t[..., k:, k:]
        if upper:
            low = _substitute(corners[1], b[last], upper, unit)
            high = _substitute(corners[0], b[first] - t[..., :k, k:] @ low, upper, unit)
        else:
            high = _substitute(corners[0], b[first], upper, unit)
            low = _substitute(corners[1], b[last] - t[..., k:, :k] @ high, upper, unit)
        return np.concatenate([high, low], axis=-2)
    t = np.triu(t) if upper else np.tril(t)
    if unit:
        t[..., range(n), range(n)] = 1
    return np.linalg.solve(t, b) if upper else np.linalg.solve(t[..., ::-1, ::-1], b[..., ::-1, :])[..., ::-1, :]


def _triangular_vjp(g: Any, y: Any, a: Any, b: Any, upper: bool, unit: bool) -> list[Any]:
    to_b = apply(_triangular, matrix_transpose(a), g, upper=not upper, unit=unit)
    whole = negative(matmul(to_b, matrix_transpose(y)))
    return [triu(whole, k=int(unit)) if upper else tril(whole, k=-int(unit)), to_b]


def _triangles(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((regular(rng, dtype, 3, 3), array(rng, dtype, 3, 2)), {"upper": True}),
        Sample((regular(rng, dtype, 3, 3), array(rng, dtype, 3)), {"upper": False}),
        Sample((regular(rng, dtype, 2, 1, 2, 2), array(rng, dtype, 3, 2, 1)), {"upper": False, "unitriangular": True}),
        Sample((regular(rng, dtype, 2, 2), array(rng, dtype, 3, 2)), {"upper": True, "left": False}),
        Sample((np.ones((0, 0), dtype), np.ones((0, 2), dtype)), {"upper": True}),
    ]


_triangular: Op = Op(
    "solve_triangular",
    guarded(_substitute, SINGULAR),
    system_spec,
    lower=SUBSTITUTE,
    vjp=_triangular_vjp,
    batch="systems",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="xy",
    order=72,
    samples=_triangles,
    errors=lambda rng, dtype: [Sample(s.args, {"upper": True}, s.error) for s in wrong_systems(rng, dtype)],
    doc="The solution of a system with a triangular matrix.",
)


@publish(_triangular)
def solve_triangular(x1: Any, x2: Any, /, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """The x with ``x1 @ x = x2``, or for ``left=False`` with ``x @ x1 = x2``, reading one triangle of x1 (PyTorch).

    x1: [..., n, n]; x2: [n] or [..., n, k] (left), [..., k, n] (right). ``upper``: which triangle; ``unitriangular``: its
    diagonal counts as ones. Raises ShapeError, and LinAlgError for a zero on the diagonal.
    """
    a = square(x1, "solve_triangular")
    upper, unit = bool(upper), bool(unitriangular)
    if not left:
        y = solve_triangular(matrix_transpose(a), matrix_transpose(x2), upper=not upper, unitriangular=unit)
        return matrix_transpose(y)
    b, vector = right_sides(a, x2, "solve_triangular")
    y = apply(_triangular, a, b, upper=upper, unit=unit)
    return squeeze(y, axis=-1) if vector else y


@composite(
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 3, 2), np.linalg.cholesky(definite(rng, dtype, 3, 3)))),
        Sample((array(rng, dtype, 2), np.linalg.cholesky(definite(rng, dtype, 2, 2)).T), {"upper": True}),
    ],
    errors=lambda rng, dtype: [Sample((np.ones((2, 1), dtype), np.eye(3, dtype=dtype)), {}, ShapeError)],
)
def cholesky_solve(b: Any, factor: Any, /, *, upper: bool = False) -> Any:
    """The x with ``a @ x = b``, from the Cholesky factor of a (PyTorch): a = L Lᵀ, or Uᵀ U where ``upper``.

    b: [n] or [..., n, k]; factor: [..., n, n]. Raises ShapeError.
    """
    factor = square(factor, "cholesky_solve")
    b, vector = right_sides(factor, b, "cholesky_solve")
    lower = matrix_transpose(factor) if upper else factor
    y = solve_triangular(lower, b, upper=False)
    y = solve_triangular(matrix_transpose(lower), y, upper=True)
    return squeeze(y, axis=-1) if vector else y

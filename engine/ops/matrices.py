"""Matrices as arguments: the shapes that ops of linear algebra take, what NumPy's refusals mean, and samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.errors import ShapeError, Trap
from engine.op import Sample, as_handle
from engine.sizes import Shape, Size, agree, larger, same, show_shape
from engine.spec import DType, Incompatible, Spec

SINGULAR, INDEFINITE, DIVERGED = 5, 6, 7  # statuses of a Trap


def matrices(x: Any, op: str) -> Any:
    """``x`` as a handle of [..., m, n]; raises ShapeError where it has fewer axes."""
    x = as_handle(x)
    if x.ndim < 2:
        raise ShapeError("takes a matrix, or a batch of them", op=op, operands=(x,), fix="give it a second axis")
    return x


def square(x: Any, op: str) -> Any:
    """``x`` as a handle of [..., n, n]; raises ShapeError for another shape."""
    x = matrices(x, op)
    if not agree(x.shape[-2], x.shape[-1]):
        raise ShapeError(f"takes square matrices, not {show_shape(x.shape[-2:])}", op=op, operands=(x,))
    return x


def check_square(shape: Shape) -> None:
    """For specs: raise Incompatible where the last two axes differ."""
    if len(shape) < 2 or not agree(shape[-2], shape[-1]):
        raise Incompatible(f"{show_shape(shape[-2:])} is no square matrix")


def square_spec(x: Any) -> Spec:
    """The spec of a function of square matrices to such matrices."""
    check_square(x.shape)
    return Spec(x.shape, x.dtype)


def smaller(a: Size, b: Size) -> Size:
    """The smaller of two sizes."""
    if same(a, b):
        return a
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else a + b - larger(a, b)


def guarded(routine: Callable[..., Any], status: int) -> Callable[..., Any]:
    """A routine of NumPy that raises Trap where it raised LinAlgError, naming the matrix of a batch; it never warns."""

    def run(x: Any, *rest: Any, **options: Any) -> Any:
        try:
            with np.errstate(all="ignore"):
                return routine(x, *rest, **options)
        except np.linalg.LinAlgError:
            raise Trap(status, _first(routine, x, rest, options)) from None

    return run


def _first(routine: Callable[..., Any], x: Any, rest: tuple[Any, ...], options: dict[str, Any]) -> str:
    """Which matrix of a batch is at fault, in words."""
    for place in np.ndindex(x.shape[:-2]):
        if not place:
            break
        try:
            routine(
                x[place], *(np.zeros_like(r[(0,) * (r.ndim - 2)]) if np.ndim(r) > 1 else r for r in rest), **options
            )
        except np.linalg.LinAlgError:
            return f": number {', '.join(map(str, place))} of the batch"
    return ""


# ---------------------------------------------------------------------------------------- samples


def regular(rng: np.random.Generator, dtype: DType, *shape: int) -> Any:
    """Square matrices far from singular."""
    return (rng.uniform(-1, 1, shape) + (1 + shape[-1] / 2) * np.eye(shape[-1])).astype(dtype)


def definite(rng: np.random.Generator, dtype: DType, *shape: int) -> Any:
    """Symmetric positive definite matrices."""
    x = rng.uniform(-1, 1, shape)
    return (x @ x.swapaxes(-1, -2) + np.eye(shape[-1])).astype(dtype)


def spread(rng: np.random.Generator, dtype: DType, *shape: int) -> Any:
    """Matrices whose singular values lie apart: about 1, 2, 3 ..."""
    u, s, vh = np.linalg.svd(rng.uniform(-1, 1, shape), full_matrices=False)
    values = 0.7 + np.arange(s.shape[-1])[::-1] + rng.uniform(0, 0.3, s.shape)
    return ((u * values[..., None, :]) @ vh).astype(dtype)


def not_square(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    """Calls of functions of one square matrix that are mistakes."""
    return [Sample((np.ones((2, 3), dtype),), {}, ShapeError), Sample((np.ones(3, dtype),), {}, ShapeError)]


def not_matrix(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    """Calls of functions of one matrix that are mistakes."""
    return [Sample((np.ones(3, dtype),), {}, ShapeError), Sample((np.ones((), dtype),), {}, ShapeError)]

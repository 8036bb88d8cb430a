"""The native loops of linear algebra: matrices of less and more than one block, in batches, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import LinAlgError

L = tg.linalg
SIZES = (1, 2, 47, 48, 49, 96, 97, 150)


@cache
def compiled(name: str) -> Callable[..., Any]:
    """One function for all sizes."""
    return tg.compile(
        {
            "cholesky": lambda x: L.cholesky(x),
            "lu": lambda x: L.lu_factor(x),
            "solve": lambda a, b: L.solve(a, b),
            "inv": lambda x: L.inv(x),
            "det": lambda x: [L.det(x), *L.slogdet(x)],
            "lower": lambda a, b: L.solve_triangular(a, b, upper=False),
            "upper": lambda a, b: L.solve_triangular(a, b, upper=True),
            "unit": lambda a, b: L.solve_triangular(a, b, upper=False, unitriangular=True),
        }[name]
    )


def matrices(rng: np.random.Generator, *shape: int) -> Any:
    """Of small condition whatever their size, and in need of pivots."""
    n = shape[-1]
    return rng.permutation(np.eye(n)) + rng.standard_normal(shape) / (4 * np.sqrt(n))


def test_no_step_runs_in_python():
    rng = np.random.default_rng(0)
    x = matrices(rng, 2, 3, 3)
    operands = {"cholesky": (x @ x.mT + np.eye(3),), "lu": (x,), "inv": (x,), "det": (x,)}
    for name in ("cholesky", "lu", "solve", "inv", "det", "lower", "upper", "unit"):
        function = compiled(name)
        function(*operands.get(name, (x + np.eye(3), x)))
        assert "python" not in function.explain().lower()
    function = tg.compile(lambda x: L.svd(x).S)
    function(x)
    assert "python" in function.explain().lower()


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-11), ("float32", 1e-4)])
@pytest.mark.parametrize("n", SIZES)
def test_factors_and_solutions_of_any_size(n, dtype, rtol):
    rng = np.random.default_rng(n)
    for lead in ((), (2,)):
        x = matrices(rng, *lead, n, n).astype(dtype)
        definite = x @ x.mT + np.eye(n, dtype=dtype)
        b = rng.standard_normal((*lead, n, 3)).astype(dtype)
        close = {"rtol": rtol, "atol": rtol}
        factor = np.asarray(compiled("cholesky")(definite))
        np.testing.assert_allclose(factor, np.linalg.cholesky(definite), **close)
        assert not np.triu(factor, 1).any()
        packed, order = map(np.asarray, compiled("lu")(x))
        low, up = np.tril(packed, -1) + np.eye(n), np.triu(packed)
        np.testing.assert_allclose(low @ up, np.take_along_axis(x, order[..., None], -2), **close)
        assert np.abs(low).max() <= 1
        np.testing.assert_allclose(compiled("inv")(x), np.linalg.inv(x), **close)
        np.testing.assert_allclose(compiled("solve")(x, b), np.linalg.solve(x, b), **close)
        np.testing.assert_allclose(compiled("solve")(x, x), np.broadcast_to(np.eye(n), x.shape), **close)
        for found, wanted in zip(compiled("det")(x), (np.linalg.det(x), *np.linalg.slogdet(x)), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=10 * rtol, atol=10 * rtol)
        t = x / 4 + np.eye(n, dtype=dtype)
        for name, triangle in {
            "lower": np.tril(t),
            "upper": np.triu(t),
            "unit": np.tril(t, -1) + np.eye(n),
        }.items():
            np.testing.assert_allclose(triangle @ np.asarray(compiled(name)(t, b)), b, **close)


@pytest.mark.parametrize("n", (3, 60))
def test_matrices_shared_by_a_batch_of_right_sides(n):
    rng = np.random.default_rng(n)
    x, b = matrices(rng, n, n), rng.standard_normal((4, n, 2))
    np.testing.assert_allclose(compiled("solve")(x, b), np.linalg.solve(x, b), rtol=1e-9, atol=1e-12)
    t = np.tril(x / 4) + np.eye(n)
    np.testing.assert_allclose(compiled("lower")(t, b), np.linalg.solve(t, b), rtol=1e-9, atol=1e-12)
    several = np.stack([x, 2 * x])[:, None]  # batch axes that broadcast both ways are left to NumPy
    np.testing.assert_allclose(compiled("solve")(several, b), np.linalg.solve(several, b), rtol=1e-9, atol=1e-12)


def test_row_order_of_transposed_operands():
    rng = np.random.default_rng(0)
    x, b = matrices(rng, 60, 60), rng.standard_normal((3, 60))
    found = tg.compile(lambda x, b: L.solve(x.mT, b.mT))(x, b)
    np.testing.assert_allclose(found, np.linalg.solve(x.T, b.T), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", (2, 60))
def test_singular_and_indefinite_matrices_stop_the_call(n):
    x = np.eye(n)
    x[-1] = x[0]
    for name, arrays in {"solve": (x, x), "inv": (x,), "upper": (np.diag(np.arange(n) - n // 2 + 0.0), x)}.items():
        with pytest.raises(LinAlgError, match="singular"):
            compiled(name)(*arrays)
    x[-1, -1] = -1
    for wrong in (x, np.full((n, n), np.nan)):
        with pytest.raises(LinAlgError, match="not positive definite"):
            compiled("cholesky")(wrong)


def test_a_loop_in_a_graph_runs_native_with_a_solve_inside():
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((5, 3, 3)) + 4 * np.eye(3)

    def run(steps: Any, start: Any) -> Any:
        return tg.scan(lambda carry, a: ((y := L.solve(a, carry)), y), start, steps)

    start = np.ones(3)
    function = tg.compile(run)
    last, every = function(steps, start)
    assert "python" not in function.explain().lower()
    for a, found in zip(steps, np.asarray(every), strict=True):
        start = np.linalg.solve(a, start)
        np.testing.assert_allclose(found, start, rtol=1e-10)
    np.testing.assert_allclose(np.asarray(last), start, rtol=1e-10)

"""Linear algebra where it is delicate: mistakes in the data, equal values, singular matrices, vectors as right sides."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import GradientError, LinAlgError, ShapeError
from engine.ops.matrix_powers import _cheapest
from tapegraph.linalg import (
    EighResult,
    LstsqResult,
    LUFactors,
    LUResult,
    QRResult,
    SlogdetResult,
    SVDResult,
)

L = tg.linalg
EYE = np.eye(3)
MODES = ["eager", "static"]


def called(function: Any, mode: str) -> Any:
    return tg.compile(function) if mode == "static" else lambda *xs: function(*map(tg.asarray, xs))


# ------------------------------------------------------------------------------------------ mistakes

SINGULAR = np.stack([EYE, np.ones((3, 3)), EYE])
MISTAKES = {
    "inv": (lambda x: L.inv(x + 0.0), SINGULAR, "singular: number 1 of the batch"),
    "solve": (lambda x: L.solve(x * 1.0, np.ones(3)), SINGULAR[None], "singular: number 0, 1 of the batch"),
    "solve_triangular": (lambda x: L.solve_triangular(x, x, upper=True), EYE * [1, 0, 1], "a matrix is singular"),
    "cholesky": (lambda x: L.cholesky(x), SINGULAR - 2 * EYE, "not positive definite: number 0 of the batch"),
    "eigh": (lambda x: L.eigh(x / x).eigenvalues, EYE, "the iteration does not converge"),
    "svd": (lambda x: L.svd(x / x).S, EYE, "the iteration does not converge"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_the_data_are_told_at_their_line(name, mode):
    function, array, problem = MISTAKES[name]
    with pytest.raises(LinAlgError, match=problem) as caught, np.errstate(all="ignore"):
        called(function, mode)(array)
    assert caught.value.op == name
    assert caught.value.place.file.endswith("test_linalg_edges.py")
    assert caught.value.place.line == function.__code__.co_firstlineno
    assert isinstance(caught.value, np.linalg.LinAlgError)


def test_a_state_is_as_before_where_a_matrix_is_singular():
    state = tg.State(np.eye(2))

    def step(x):
        state.assign(state + x)
        return L.inv(x)

    with pytest.raises(LinAlgError):
        called(step, "static")(np.ones((2, 2)))
    np.testing.assert_array_equal(np.asarray(state), np.eye(2))


@pytest.mark.parametrize("mode", MODES)
def test_gradients_that_do_not_exist(mode):
    x = np.random.default_rng(0).standard_normal((4, 2))
    with pytest.raises(GradientError, match="not determined") as caught:
        called(tg.grad(lambda x: tg.sum(L.qr(x, mode="complete").Q)), mode)(x)
    assert caught.value.op == "qr"
    # Of the vectors that complete a basis nothing reaches x, as in PyTorch.
    whole = called(tg.grad(lambda x: tg.sum(L.svd(x).U[:, :2] ** 2 * x)), mode)(x)
    reduced = called(tg.grad(lambda x: tg.sum(L.svd(x, full_matrices=False).U ** 2 * x)), mode)(x)
    np.testing.assert_allclose(np.asarray(whole), np.asarray(reduced), rtol=1e-9, atol=1e-12)
    of_values = called(tg.grad(lambda x: tg.sum(L.svd(x).S)), mode)(x)
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    np.testing.assert_allclose(np.asarray(of_values), u @ vh, rtol=1e-10)
    with pytest.raises(LinAlgError, match="singular"):
        called(tg.grad(lambda x: L.slogdet(x).logabsdet), mode)(np.ones((2, 2)))


# ------------------------------------------------------------------------------------------ results


@pytest.mark.parametrize("mode", MODES)
def test_results_have_the_names_of_the_standard(mode):
    wanted = {
        L.eigh: (EighResult, ("eigenvalues", "eigenvectors")),
        L.svd: (SVDResult, ("U", "S", "Vh")),
        L.qr: (QRResult, ("Q", "R")),
        L.slogdet: (SlogdetResult, ("sign", "logabsdet")),
        L.lu: (LUResult, ("P", "L", "U")),
        L.lu_factor: (LUFactors, ("LU", "permutation")),
    }
    found = called(lambda x: [f(x) for f in wanted], mode)(EYE)
    for result, (kind, names) in zip(found, wanted.values(), strict=True):
        assert type(result) is kind and result._fields == names
    result = called(lambda a, b: L.lstsq(a, b), mode)(EYE, np.ones(3))
    assert type(result) is LstsqResult
    assert result._fields == ("solution", "residuals", "rank", "singular_values")


@pytest.mark.parametrize("mode", MODES)
def test_only_one_axis_makes_a_right_side_a_vector(mode):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 3)) + 3 * EYE, rng.standard_normal((3, 2))
    for function in (L.solve, lambda a, b: L.lu_solve(L.lu_factor(a), b)):
        solve = called(function, mode)
        np.testing.assert_allclose(np.asarray(solve(a, b[:, 0])), np.linalg.solve(a, b[:, :1])[..., 0], rtol=1e-12)
        np.testing.assert_allclose(np.asarray(solve(a, b)), np.linalg.solve(a, b), rtol=1e-12)
        np.testing.assert_allclose(np.asarray(solve(a[0], b[None])), np.linalg.solve(a[:1], b[None]), rtol=1e-12)
        with pytest.raises(ShapeError, match="3 rows"):
            solve(a, b.T)  # columns of length 2


def test_integers_are_taken_in_the_default_float():
    for function in (L.det, L.inv, L.svdvals, L.eigvalsh, L.cholesky, L.matrix_norm, L.cond, L.expm):
        assert function(tg.asarray(np.eye(2, dtype=np.int64))).dtype == np.float32
    assert L.matrix_rank(tg.asarray(np.eye(2, dtype=np.int64))).dtype == np.int64


def test_large_matrices_are_factored_by_blocks():
    rng = np.random.default_rng(0)
    for shape in ((100, 100), (2, 90, 70), (65, 97)):
        x = rng.standard_normal(shape)
        p, low, up = map(np.asarray, L.lu(x))
        np.testing.assert_allclose(p @ low @ up, x, atol=1e-12)
        assert np.abs(low).max() == 1  # of partial pivoting
    t, b = rng.standard_normal((100, 100)) / 20 + np.eye(100), rng.standard_normal((2, 100, 3))
    for triangle, upper in ((np.triu(t), True), (np.tril(t), False)):
        found = np.asarray(L.solve_triangular(t, b, upper=upper))
        np.testing.assert_allclose(triangle @ found, b, atol=1e-11)


@pytest.mark.parametrize("mode", MODES)
def test_tolerance_of_rank_and_pseudoinverse(mode):
    x = np.stack([np.diag([4.0, 2.0, 1.0]), np.diag([4.0, 0.0, 1.0])])
    rank, pinv = called(L.matrix_rank, mode), called(L.pinv, mode)
    np.testing.assert_array_equal(np.asarray(rank(x)), [3, 2])
    for rtol in (0.3, np.array([0.3, 0.1])):
        found = called(lambda x, rtol=rtol: L.matrix_rank(x, rtol=rtol), mode)(x)
        np.testing.assert_array_equal(np.asarray(found), np.linalg.matrix_rank(x, rtol=rtol))
        found = called(lambda x, rtol=rtol: L.pinv(x, rtol=rtol), mode)(x)
        np.testing.assert_allclose(np.asarray(found), np.linalg.pinv(x, rtol=rtol), atol=1e-15)
    np.testing.assert_allclose(np.asarray(pinv(x)), np.linalg.pinv(x), atol=1e-15)
    assert L.pinv(tg.asarray(x.astype(np.float32)), rtol=tg.asarray(np.array([0.1, 0.1]))).dtype == np.float32


def test_least_squares_with_all_its_results():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    for found, wanted in zip(L.lstsq(a, b), np.linalg.lstsq(a, b), strict=True):
        np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-12)
    a[:, 2] = a[:, 0] + a[:, 1]
    found = L.lstsq(a, b)
    assert int(found.rank) == 2
    np.testing.assert_allclose(np.asarray(found.solution), np.linalg.pinv(a) @ b, rtol=1e-10)
    # The gradient along a change that keeps the rank, against a difference quotient.
    step, turn = 1e-6, np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]])
    move = rng.standard_normal((5, 3)) @ turn
    g = np.asarray(tg.grad(lambda a: tg.sum(tg.sin(L.lstsq(a, b).solution)))(tg.asarray(a)))
    ahead, behind = (np.sin(np.linalg.pinv(a + h * move, rtol=1e-9) @ b).sum() for h in (step, -step))
    np.testing.assert_allclose((g * move).sum(), (ahead - behind) / (2 * step), rtol=1e-6)


def test_order_of_a_chain_is_the_cheapest():
    def cost(sizes: list[int], split: dict[tuple[int, int], int], first: int, last: int) -> int:
        if first == last:
            return 0
        k = split[first, last]
        return (
            sizes[first] * sizes[k + 1] * sizes[last + 1]
            + cost(sizes, split, first, k)
            + cost(sizes, split, k + 1, last)
        )

    def least(sizes: tuple[int, ...]) -> int:
        if len(sizes) == 2:
            return 0
        return min(
            sizes[k - 1] * sizes[k] * sizes[k + 1] + least(sizes[:k] + sizes[k + 1 :]) for k in range(1, len(sizes) - 1)
        )

    for sizes in itertools.product((1, 3, 10), repeat=5):
        assert cost(list(sizes), _cheapest(sizes), 0, 3) == least(sizes)


# ------------------------------------------------------------------------------------------ equal and vanishing values


def test_gradients_of_functions_that_ignore_the_choice_of_vectors():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((3, 3))
    # exp of a symmetric matrix by eigenvalues, at a multiple of the identity: d exp(x) = e dx
    g = tg.grad(lambda x: tg.sum(w * ((f := L.eigh(x)).eigenvectors * tg.exp(f.eigenvalues)) @ f.eigenvectors.mT))
    np.testing.assert_allclose(np.asarray(g(tg.asarray(EYE))).diagonal(), math.e * w.diagonal(), rtol=1e-12)
    # the orthogonal factor of x = u p at x = 2: d u = (dx - dxᵀ) / 4
    for scale in (2.0, np.array([2.0, 2.0, 2.0 + 1e-9])):
        g = tg.grad(lambda x: tg.sum(w * ((f := L.svd(x)).U @ f.Vh)))(tg.asarray(EYE * scale))
        np.testing.assert_allclose(np.asarray(g), (w - w.T) / 4, atol=1e-6)
    # singular values that are zero
    g = tg.grad(lambda x: tg.sum(w * ((f := L.svd(x)).U * f.S) @ f.Vh))(tg.asarray(np.diag([2.0, 0.0, 0.0])))
    assert np.isfinite(np.asarray(g)).all()


def test_gradient_of_the_determinant_of_a_singular_matrix():
    rng = np.random.default_rng(0)
    for rank, size in ((2, 3), (1, 3), (1, 2), (0, 1), (3, 4)):
        x = rng.standard_normal((size, rank)) @ rng.standard_normal((rank, size))
        cofactors = np.array(
            [
                [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(size)]
                for i in range(size)
            ]
        )
        np.testing.assert_allclose(np.asarray(tg.grad(L.det)(tg.asarray(x))), cofactors, atol=1e-12)
    assert np.isnan(np.asarray(tg.grad(L.det)(tg.asarray(np.full((2, 2), np.nan))))).all()
    assert [float(v) for v in L.slogdet(np.zeros((2, 2)))] == [0, -np.inf]


def test_exponentials_of_small_and_large_matrices():
    sl = pytest.importorskip("scipy.linalg")
    rng = np.random.default_rng(0)
    for scale in (0, 1e-8, 0.1, 3, 40):
        x = rng.standard_normal((4, 5, 5)) * scale - scale * np.eye(5)
        for dtype, rtol in (("float64", 1e-12), ("float32", 1e-4)):
            wanted = sl.expm(x)
            found = np.asarray(L.expm(x.astype(dtype)))
            error = np.abs(found - wanted).max(axis=(1, 2)) / np.abs(wanted).max(axis=(1, 2))
            assert (error < rtol * max(scale, 1)).all()
    assert np.isnan(np.asarray(L.expm(np.array([[np.nan]])))).all()


def test_compiled_functions_say_what_runs_in_python():
    function = tg.compile(lambda x: L.eigh(x).eigenvalues * 2)
    function(EYE)
    assert "eigh" in function.explain()


def test_one_compiled_function_serves_every_size():
    rng = np.random.default_rng(0)

    def log_likelihood(k, y):
        factor = L.cholesky(k)
        return -0.5 * tg.sum(y * L.cholesky_solve(y, factor)) - tg.sum(tg.log(L.diagonal(factor)))

    function = tg.compile(lambda k, y: [log_likelihood(k, y), *tg.grad(log_likelihood, (0, 1))(k, y)])
    for n in (2, 3, 7, 40):
        x = rng.standard_normal((n, n))
        k, y = x @ x.T + np.eye(n), rng.standard_normal(n)
        inverse = np.linalg.inv(k)
        solved = inverse @ y
        wanted = [-0.5 * y @ solved - 0.5 * np.linalg.slogdet(k)[1], (np.outer(solved, solved) - inverse) / 2, -solved]
        for found, z in zip(function(k, y), wanted, strict=True):
            np.testing.assert_allclose(np.asarray(found), z, rtol=1e-8, atol=1e-8)
    assert sum(map(len, function.versions.values())) == 1
